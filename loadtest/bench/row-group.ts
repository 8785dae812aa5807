import { startLoadServer } from "../lean/server.ts";
import { startPeer } from "../peer/start.ts";
import { startReference } from "../reference/start.ts";
import { bareServers } from "./bare.ts";
import { cpuOf, redisBelow } from "./cpu.ts";
import { runGroup, type Group, type GroupSlice } from "./group.ts";
import { openPeerGroup, openReferenceGroup, openTributaryGroup } from "./group-sides.ts";
import { type Effort, type Row, spread } from "./row.ts";
import { archived } from "./settled.ts";

export const MEMBERS = 50;
export const SENDERS = 10;
const IN_FLIGHT = 10;
/** What our rate is judged against: the library as it comes. */
const PEER = "centrifuge, Redis history";
/** What goes to a socket is held back for 3 ms to be written at once, and there are fewer garbage collections. */
const PEER_TUNED = "centrifuge tuned";

interface Side {
  name: string;
  group: Group;
  pids: number[];
  atRest: () => Promise<void>;
  slices: (GroupSlice & { cpu: number })[];
}

async function measure({ group, pids, atRest, slices }: Side, seconds: number): Promise<void> {
  const used = () => pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  const before = used();
  const slice = await runGroup(group, IN_FLIGHT, seconds);
  slices.push({ ...slice, cpu: ((used() - before) / slice.messages) * 1e6 });
  await atRest();
}

async function openReferences(stack: AsyncDisposableStack): Promise<Side[]> {
  const atRest = async () => {};
  const sides: Side[] = [];
  for (const [name, options] of [
    [PEER, { defaults: true }],
    [PEER_TUNED, { writeDelayMs: 3 }],
  ] as const) {
    const peer = stack.use(await startPeer({ durability: "everysec", ...options }));
    sides.push({ name, group: await openPeerGroup(peer, MEMBERS, SENDERS), pids: [peer.pid, peer.redisPid], atRest, slices: [] });
  }
  for (const [name, options] of bareServers) {
    const reference = stack.use(await startReference(options));
    const group = await openReferenceGroup(reference.port, MEMBERS, SENDERS);
    sides.push({ name, group, pids: [reference.pid, reference.redisPid].filter((pid) => pid > 0), atRest, slices: [] });
  }
  return sides;
}

/** Row b: deliveries a second to a busy group, each device's messages in order without a hole. The traffic budget moves ours to read mode on the way. */
export async function groupRows({ runs, quick }: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const references = await openReferences(stack);
  const server = stack.use(await startLoadServer({ PING_SECONDS: "3600" }));
  const pid = server.process?.pid ?? 0;
  const group = await openTributaryGroup(server, MEMBERS, SENDERS);
  const ours: Side = { name: "ours", group, pids: [pid, redisBelow(pid)], atRest: () => archived(server), slices: [] };
  const sides = [...references, ours];
  const seconds = quick ? 1 : 4;
  // The first slice is the one in which ours goes from write to read mode.
  for (const side of sides) await measure(side, seconds);
  const switching = ours.slices[0];
  for (const side of sides) side.slices.length = 0;
  for (let run = 0; run < runs; run++) for (const side of sides) await measure(side, seconds);
  const pauses = `longest pause of all devices: ${switching?.pause.toFixed(0)} ms in the slice with the switch, ${spread(ours.slices.map(({ pause }) => pause)).max.toFixed(0)} ms after it`;
  return [
    {
      row: "b",
      name: `one busy group, ${MEMBERS} online, ${SENDERS} senders`,
      unit: "deliveries/s",
      ours: ours.slices.map(({ rate }) => rate),
      references: references.map(({ name, slices }) => ({ name, values: slices.map(({ rate }) => rate) })),
      target: { against: PEER, least: 2.5 },
      notes: [pauses, ...sides.map(noteOf)],
    },
  ];
}

const noteOf = ({ name, slices }: Side): string =>
  `${name}: CPU a message of server and Redis ${spread(slices.map(({ cpu }) => cpu)).median.toFixed(0)} µs, ` +
  `${slices.reduce((sum, { messages }) => sum + messages, 0).toLocaleString("en")} messages checked on ${MEMBERS} devices`;
