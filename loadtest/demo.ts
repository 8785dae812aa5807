import { randomBytes } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createChatter } from "./demo/chatter.ts";
import { foundTown, type Place } from "./demo/found.ts";
import { createOracle, type Oracle } from "./demo/oracle.ts";
import { connectPeople, type Person } from "./demo/people.ts";
import { checkArchive, checkDevices, checkSeqs, checkUnread, drained, lacking } from "./demo/settle.ts";
import { planTown, randomOf } from "./demo/town.ts";
import { openView } from "./demo/view.ts";
import { reachDevelopment, startLoadServer, type LoadServer } from "./lean/server.ts";

/**
 * `npm run demo [-- --seconds 60 --rate 300 --people 2000 --seed 1 --url http://…]`: a town talks through real sockets, then everything that was
 * said is held against what arrived. Starts a server of its own unless given a URL (of one in development, with RATE_LIMITS=off).
 * Exits with 1 when an invariant fails.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    rate: { type: "string", default: "300" },
    people: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    url: { type: "string" },
    clickhouse: { type: "string" },
  },
});
const [seconds, rate, count] = [Number(values.seconds), Number(values.rate), Number(values.people)];
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The crowd grows past the limit after a third of the time and shrinks after two thirds. */
async function comeAndGo(server: LoadServer, places: readonly Place[]): Promise<void> {
  const place = places.find(({ plan }) => plan.leavers.length > 0);
  if (place === undefined) return;
  const { room, plan } = place;
  const [owner = ""] = plan.members;
  await after((seconds * 1_000) / 3);
  await server.call(owner, "conversation.add", { conversationId: room.id, users: plan.visitors });
  await after((seconds * 1_000) / 3);
  await server.call(owner, "conversation.remove", { conversationId: room.id, users: plan.leavers });
}

async function check(
  server: LoadServer,
  oracle: Oracle,
  people: readonly Person[],
  users: readonly string[],
  waiting: () => number,
): Promise<void> {
  const unanswered = await drained(waiting);
  if (unanswered > 0) oracle.violated(`${unanswered} sends were never answered`);
  await drained(() => lacking(oracle, people));
  const pairs = checkDevices(oracle, people);
  say(`checked  ${pairs.toLocaleString("en")} pairs of device and conversation: every entry once and in order`);
  const entries = await checkSeqs(oracle, server);
  say(`checked  ${entries.toLocaleString("en")} entries of ${oracle.rooms.size.toLocaleString("en")} conversations: seqs without holes`);
  const sampled = users.filter((_, i) => i % Math.max(1, Math.floor(users.length / 100)) === 0);
  await checkUnread(oracle, server, sampled);
  say(`checked  unread counts of ${sampled.length} people against the oracle`);
  const clickhouse = values.clickhouse ?? server.clickhouseUrl;
  if (clickhouse === null) say("ClickHouse was not asked: give --clickhouse with a URL");
  else say(`checked  ${(await checkArchive(oracle, clickhouse, "analyst")).toLocaleString("en")} rows in ClickHouse`);
}

async function main(): Promise<void> {
  const random = randomOf(Number(values.seed));
  const town = planTown(count, `d${randomBytes(3).toString("hex")}`, random);
  await using server = await (values.url === undefined
    ? startLoadServer({ FANOUT_WRITE_MAX: String(town.writeMax) })
    : reachDevelopment(values.url));
  const oracle = createOracle();
  say(`${count.toLocaleString("en")} people found ${town.groups.length.toLocaleString("en")} conversations at ${server.http} …`);
  const places = await foundTown(server, town, oracle);
  const byUser = new Map<string, Person>();
  const chatter = createChatter(places, () => byUser, oracle, random);
  const people = await connectPeople(server, town.people, oracle, chatter.delivered);
  for (const person of people) if (!byUser.has(person.user)) byUser.set(person.user, person);
  say(`${people.length.toLocaleString("en")} sockets are open; ${rate} messages/s for ${seconds} s`);
  {
    const view = openView(server.http, chatter, oracle, people.length);
    const timer = setInterval(() => void view.show(), process.stdout.isTTY ? 1_000 : 5_000);
    await Promise.all([chatter.talk(rate, seconds), comeAndGo(server, places)]);
    clearInterval(timer);
  }
  await check(server, oracle, people, town.people, chatter.waiting);
  const [acks, deliveries] = [chatter.acks.all(), chatter.deliveries.all()];
  say(`sent     ${chatter.sent.toLocaleString("en")}, answered p50 ${acks.p50.toFixed(1)} ms, p99 ${acks.p99.toFixed(1)} ms`);
  say(
    `arrived  ${chatter.deliveries.count.toLocaleString("en")}, p50 ${deliveries.p50.toFixed(1)} ms, p99 ${deliveries.p99.toFixed(1)} ms`,
  );
  for (const words of oracle.violations) say(`VIOLATED ${words}`);
  say(oracle.violationCount() === 0 ? "all invariants hold" : `${oracle.violationCount()} violations`);
  process.exitCode = oracle.violationCount() === 0 ? 0 : 1;
  for (const person of people) person.device?.destroy();
}

await main();
