import fc from "fast-check";
import { expect, test } from "vitest";
import { errorLine, publicationLine, replyLine, rpcLine, subscribeLine, unsubscribeLine } from "./encode.ts";
import { type Command, Garbage, readFrame } from "./protocol.ts";

const read = (text: string): Command[] => [...readFrame(Buffer.from(text))];
const kindsOf = (text: string) => read(text).map((command) => (command.kind === "refused" ? command.refusal.code : command.kind));

test.each([
  ["{}", ["pong"]],
  ['{"id":0}', ["pong"]],
  [' { } \r\n{"id":4294967295,"ping":{}}\n', ["pong", "ping"]],
  ['{"rpc":{"method":"a"},"id":1}\n\n{"id":1,"rpc":{"method":"b","data":null}}', ["rpc", "rpc"]],
  ['{"id":1,"rpc":{"method":"a"},"subscribe":{"channel":"c"}}', ["subscribe"]],
  ['{"id":1,"connect":{"token":null,"data":null,"subs":null,"flag":7,"dict":{}},"later":1}', ["connect"]],
  ['{"id":1,"connect":{"token":5}}', [107]],
  ['{"id":1,"connect":[]}', [107]],
  ['{"id":1,"connect":{"subs":{"a":{"recover":true,"offset":-1}}}}', [107]],
  ['{"id":1,"subscribe":{}}', [107]],
  ['{"id":1,"history":{"channel":"c","limit":-1,"since":{"offset":1}}}', ["history"]],
  ['{"id":1}', [108]],
  ['{"id":1,"map_subscribe":{}}', [108]],
  ['{"id":1,"sub_refresh":{}}', [108]],
  ['{"future":{}}', ["ignored"]],
  ['{"id":7,"send":{"data":{}}}', ["send"]],
  ['{"send":5}', ["ignored"]],
])("%s", (text, kinds) => {
  expect(kindsOf(text)).toEqual(kinds);
});

test.each(["", "\n", "nothing", "[]", "5", "null", '"{}"', '{"id":1.5,"ping":{}}', '{"id":"1","ping":{}}', '{"ping":{}}', '{"a":1}{}'])(
  "%j is garbage",
  (text) => {
    expect(() => read(text)).toThrow(Garbage);
  },
);

test("a connect of an old name is no object's own field", () => {
  const [command] = read('{"id":1,"connect":{"subs":{"__proto__":{"recover":true,"offset":3}}}}');
  expect(command?.kind === "connect" ? Object.keys(command.body.subs ?? {}) : []).toEqual(["__proto__"]);
});

test("whatever comes in is commands or garbage, never another error", () => {
  const names = fc.constantFrom(
    "id",
    "connect",
    "subscribe",
    "history",
    "rpc",
    "send",
    "refresh",
    "ping",
    "channel",
    "method",
    "subs",
    "data",
    "since",
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.dictionary(names, tie("value"), { maxKeys: 4 })),
  })).value;
  const frame = fc
    .array(
      fc.oneof(
        json.map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      { maxLength: 4 },
    )
    .map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(frame, (text) => {
      try {
        read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(Garbage);
      }
    }),
  );
});

test("what is sent is one JSON object a line, with a result or a message", () => {
  const lines = [
    replyLine(3, "ping", "{}"),
    rpcLine(4, '{"a":1}'),
    errorLine(5, { code: 111, message: 'too "many"\nrequests', temporary: true }),
    publicationLine("live:ann", "1"),
    publicationLine("inbox:ann", "1", 7),
    subscribeLine("conversation:1", { epoch: "aaaa", offset: 4 }),
    unsubscribeLine("conversation:1", "mode changed"),
  ];
  for (const line of lines) expect(line).not.toContain("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { id: 3, ping: {} },
    { id: 4, rpc: { data: { a: 1 } } },
    { id: 5, error: { code: 111, message: 'too "many"\nrequests', temporary: true } },
    { push: { channel: "live:ann", pub: { data: 1 } } },
    { push: { channel: "inbox:ann", pub: { data: 1, offset: 7 } } },
    {
      push: {
        channel: "conversation:1",
        subscribe: { recoverable: true, positioned: true, epoch: "aaaa", offset: 4, data: { epoch: "aaaa", offset: 4 } },
      },
    },
    { push: { channel: "conversation:1", unsubscribe: { code: 2000, reason: "mode changed" } } },
  ]);
});
