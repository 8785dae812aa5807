import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { startPeer } from "../peer/start.ts";
import { startReference } from "../reference/start.ts";
import { openAside } from "./aside.ts";
import { peerMessage } from "./chat-peer.ts";
import { openCrowd, type Crowd } from "./crowds.ts";
import { type Effort, type Row, spread } from "./row.ts";

const BODY = "x".repeat(200);
const BARE = "a loop with a prepared frame";
const PEER = "centrifuge, Redis history";
/** Members of the group of which only some are online. */
const HUGE = 100_000;

/** A group whose entries are read, not copied; its first members are those of the crowd. */
async function bigGroup(server: LoadServer, count: number): Promise<string> {
  const members = Array.from({ length: count - 1 }, (_, i) => `m${i + 1}`);
  const params = { kind: "group", title: "all", members: members.slice(0, 1_000) };
  const { conversation } = await server.call<{ conversation: { id: string } }>("m0", "conversation.create", params);
  const { id: conversationId } = conversation;
  for (let i = 1_000; i < members.length; i += 1_000)
    await server.call("m0", "conversation.add", { conversationId, users: members.slice(i, i + 1_000) });
  const { conversation: made } = await server.call<{ conversation: { members: number; mode: string } }>("m0", "conversation.get", {
    conversationId,
  });
  if (made.members !== count || made.mode !== "read") throw new Error(`not the group wanted: ${made.members} members, ${made.mode} mode`);
  return conversationId;
}

interface Side {
  name: string;
  crowd: Crowd;
  line: (n: number) => string;
  runs: number[];
}

async function openSides(stack: AsyncDisposableStack, server: LoadServer, count: number, huge: number): Promise<Side[]> {
  const [some, many] = [await bigGroup(server, count), await bigGroup(server, huge)];
  await server.caughtUp();
  const reference = stack.use(await startReference());
  const peer = stack.use(await startPeer({ durability: "everysec" }));
  const ours = stack.use(await openCrowd({ target: server.target, side: "tributary", count, users: "m" }));
  const bareTarget = { host: "127.0.0.1", port: reference.port, path: "/" };
  const bare = stack.use(await openCrowd({ target: bareTarget, side: "bare", count, users: "m" }));
  const theirs = stack.use(await openCrowd({ target: peer.target, side: "peer", count, users: "m", channel: "room:all" }));
  const sends = (conversationId: string) => (n: number) =>
    JSON.stringify({ conversationId, clientMsgId: `n${n}`, kind: "text", body: { text: `"marker${n}" ${BODY}` } });
  return [
    { name: BARE, crowd: bare, line: (n) => JSON.stringify({ room: `marker${n}`, body: BODY }), runs: [] },
    { name: PEER, crowd: theirs, line: (n) => peerMessage("room:all", n, `\\"marker${n}\\" ${BODY}`), runs: [] },
    { name: "ours", crowd: ours, line: sends(some), runs: [] },
    { name: "huge", crowd: ours, line: sends(many), runs: [] },
  ];
}

/** Row c: from sending one message to a group until its last online member has it, and what that does to sends elsewhere meanwhile. */
export async function roomRows({ runs, quick }: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const [count, huge, messages] = quick ? [1_000, 2_000, 5] : [10_000, HUGE, 15];
  const server = stack.use(await startLoadServer({ PING_SECONDS: "3600" }));
  const sides = await openSides(stack, server, count, huge);
  const ours = sides.find(({ name }) => name === "ours") as Side;
  const aside = stack.use(await openAside(server));
  const delays: number[] = [];
  let n = 0;
  for (let run = -1; run < runs; run++) {
    const times = sides.map(() => [] as number[]);
    const worst: number[] = [];
    for (let message = 0; message < messages; message++) {
      n++;
      for (const [i, { crowd, line }] of sides.entries()) times[i]?.push(await crowd.say(line(n)));
      n++;
      worst.push(await aside.delayOf(() => ours.crowd.say(ours.line(n))));
    }
    if (run < 0) continue;
    for (const [i, side] of sides.entries()) side.runs.push(spread(times[i] ?? []).median);
    delays.push(spread(worst).max);
  }
  return rowsOf(sides, delays, count, huge);
}

function rowsOf(sides: readonly Side[], delays: number[], count: number, huge: number): Row[] {
  const of = (name: string) => sides.find((side) => side.name === name)?.runs ?? [];
  const online = `${count.toLocaleString("en")} online`;
  const references = [BARE, PEER].map((name) => ({ name, values: of(name) }));
  const same = `all ${count.toLocaleString("en")} members online`;
  const common = { row: "c", unit: "ms", notes: [] };
  return [
    { ...common, name: `last delivery of one message to ${online}`, ours: of("ours"), references, target: { against: BARE, most: 1.1 } },
    {
      ...common,
      name: "delay of a send elsewhere meanwhile",
      ours: delays,
      references: [],
      target: { most: 20 },
      notes: ["the slowest answer while a message goes out, less the median of the answers just before; the worst of each run"],
    },
    {
      ...common,
      name: `last delivery, ${online} of ${huge.toLocaleString("en")} members`,
      ours: of("huge"),
      references: [{ name: same, values: of("ours") }],
      target: { against: same, most: 1.1 },
    },
  ];
}
