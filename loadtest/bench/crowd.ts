import { performance } from "node:perf_hooks";
import { openDevice, type Login } from "../lean/device.ts";
import { eachLine, openSocket } from "../lean/socket.ts";
import { tokenOf } from "../lean/token.ts";
import { peerLogin } from "./chat-peer.ts";
import type { CrowdAnswer, CrowdOrder, CrowdTask } from "./crowds.ts";

/**
 * Many sockets in a process of their own, started with a `CrowdOrder` as argument. It tells its parent how long it took until all were connected,
 * and then does what it is told: see `CrowdTask`.
 */
const { target, side, count, users, channel = "" } = JSON.parse(process.argv[2] ?? "{}") as CrowdOrder;
/** Connections from one source address. */
const FROM_ONE = 5_000;
/** Handshakes under way at once. */
const OPENING = 100;

/** One member of the crowd. */
interface Member {
  say(line: string): void;
  leave(): void;
  /** How it comes back: with the positions it was given. */
  login: Login;
  /** Channels whose missed part came in full, and the publications in them. */
  recovered: number;
  missed: number;
}

let first = "";
let got = 0;
let saidAt = 0;
const members: Member[] = [];
const tell = (answer: CrowdAnswer): void => void process.send?.(answer);

function receive(line: string): void {
  if (!line.includes('"marker')) return;
  if (got === 0) first = line;
  if (line !== first) throw new Error(`two members got different lines:\n${first}\n${line}`);
  got++;
  if (got === count) tell({ ms: performance.now() - saidAt });
}

let ending = false;
const closed = (code: number): void => {
  if (!ending) throw new Error(`a member was closed with ${code}`);
};

const logins = Array.from({ length: count }, (_, index): Login => {
  const user = `${users}${index}`;
  return side === "peer" ? peerLogin(user, channel === "" ? [] : [channel]) : { user, token: tokenOf(user) };
});

/** Ports of a closed connection are not free for a minute: every joining has source addresses of its own. */
let joinings = 0;
const addressOf = (index: number): string => `127.${1 + (process.pid % 250)}.${joinings % 250}.${2 + Math.floor(index / FROM_ONE)}`;

async function join(index: number, login: Login): Promise<Member> {
  const from = { ...target, from: addressOf(index) };
  if (side === "bare") return joinBare(from, login);
  const device = await openDevice(from, login, { line: receive, closed });
  const subs = Object.entries(device.reply.connect.subs ?? {}).filter(([, { epoch }]) => epoch !== undefined);
  const positions = subs.map(([name, { epoch, offset = 0, publications = [] }]) => [
    name,
    { recover: true as const, epoch, offset: publications.at(-1)?.offset ?? offset },
  ]);
  return {
    say: (line) => device.rpc(2, side === "peer" ? "send" : "message.send", line),
    leave: () => device.destroy(),
    login: { ...login, subs: Object.fromEntries(positions) },
    recovered: subs.filter(([, { recovered }]) => recovered === true).length,
    missed: subs.reduce((sum, [, { publications = [] }]) => sum + publications.length, 0),
  };
}

/** At the bare server a member shows a token too, and is answered. */
async function joinBare(from: typeof target, login: Login): Promise<Member> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const take = (line: string): void => (line === `{"connected":"${login.user}"}` ? resolve() : receive(line));
  const socket = await openSocket({ ...from, path: `/${login.user}` }, { text: (frame) => eachLine(frame, take), close: closed });
  socket.send(JSON.stringify({ connect: login.token }));
  await promise;
  return { say: (line) => socket.send(line), leave: () => socket.destroy(), login, recovered: 0, missed: 0 };
}

/** All join, some at a time; resolves to the ms it took. */
async function joinAll(): Promise<number> {
  const started = performance.now();
  joinings++;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      members[index] = await join(index, members[index]?.login ?? (logins[index] as Login));
    }
  };
  await Promise.all(Array.from({ length: OPENING }, work));
  return performance.now() - started;
}

async function comeBack(): Promise<void> {
  const ms = await joinAll();
  const sum = (of: (member: Member) => number) => members.reduce((total, member) => total + of(member), 0);
  tell({ ms, recovered: sum(({ recovered }) => recovered), missed: sum(({ missed }) => missed) });
}

process.on("message", (task: CrowdTask) => {
  if (task.do === "say") {
    got = 0;
    saidAt = performance.now();
    members[0]?.say(task.line);
  } else if (task.do === "leave") {
    for (const member of members) member.leave();
    tell({ ms: 0 });
  } else {
    void comeBack();
  }
});
process.once("disconnect", () => {
  ending = true;
  process.exit(0);
});
tell({ ms: await joinAll() });
