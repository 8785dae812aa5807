import fc from "fast-check";
import { expect, test } from "vitest";
import { type Command, Garbage, readJsonFrame } from "./protocol.ts";

const read = (text: string): Command[] => [...readJsonFrame(Buffer.from(text))];
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
