import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { startReference } from "../reference/start.ts";
import { openCrowd } from "./crowds.ts";
import { spread, type Row } from "./result.ts";

const BODY = "x".repeat(200);
/** Messages of one run; its figure is their median. */
const MESSAGES = 15;

/** A group whose members all are online; its entries are read, not copied. */
async function bigGroup(server: LoadServer, count: number): Promise<string> {
  const members = Array.from({ length: count - 1 }, (_, i) => `m${i + 1}`);
  const { conversation } = await server.call<{ conversation: { id: string } }>("m0", "conversation.create", {
    kind: "group",
    title: "all",
    members: members.slice(0, 1_000),
  });
  for (let i = 1_000; i < members.length; i += 1_000) {
    await server.call("m0", "conversation.add", { conversationId: conversation.id, users: members.slice(i, i + 1_000) });
  }
  const { conversation: made } = await server.call<{ conversation: { members: number; mode: string } }>("m0", "conversation.get", {
    conversationId: conversation.id,
  });
  if (made.members !== count || made.mode !== "read") throw new Error(`not the group wanted: ${made.members} members, ${made.mode} mode`);
  return conversation.id;
}

/** Row b: from sending one message to a group until its last online member has it. */
export async function roomRow(runs: number, count: number): Promise<Row> {
  await using reference = await startReference(null);
  await using server = await startLoadServer({ PING_SECONDS: "3600" });
  const conversationId = await bigGroup(server, count);
  await server.caughtUp();
  await using ours = await openCrowd({ target: server.target, side: "tributary", count, users: "m" });
  await using bare = await openCrowd({ target: { host: "127.0.0.1", port: reference.port, path: "/" }, side: "bare", count, users: "m" });
  let n = 0;
  const sides = [
    { crowd: bare, line: () => JSON.stringify({ room: `marker${n}`, body: BODY }), runs: [] as number[] },
    {
      crowd: ours,
      line: () => JSON.stringify({ conversationId, clientMsgId: `n${n}`, kind: "text", body: { text: `"marker${n}" ${BODY}` } }),
      runs: [] as number[],
    },
  ];
  for (let run = -1; run < runs; run++) {
    const times = sides.map(() => [] as number[]);
    for (let message = 0; message < MESSAGES; message++) {
      n++;
      for (const [i, { crowd, line }] of sides.entries()) times[i]?.push(await crowd.say(line()));
    }
    if (run >= 0) for (const [i, side] of sides.entries()) side.runs.push(spread(times[i] ?? []).median);
  }
  return {
    row: "b",
    name: `one message to ${count.toLocaleString("en")} online members`,
    unit: "ms to the last",
    ours: sides[1]?.runs ?? [],
    reference: sides[0]?.runs ?? [],
    target: { of: "ratio", most: 1.3 },
    notes: [],
  };
}
