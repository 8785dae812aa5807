import { costs, costSources, loads } from "./figures.ts";
import { machinesFor, PLANNED, REPLICAS, type Costs, type Load, type Machines } from "./model.ts";

const whole = (value: number): string => Math.ceil(value).toLocaleString("en");
const short = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 10 ? 0 : 1));
const percent = (share: number): string => `${short(share * 100)} %`;

/** A load in words, a line each. */
const loadLines: readonly [string, (load: Load) => string][] = [
  ["messages a second, at the busiest", ({ messages }) => whole(messages)],
  ["of them to conversations in read mode", ({ readShare }) => percent(readShare)],
  ["inboxes a copied message goes to", ({ copies }) => short(copies)],
  ["members of a copied message's conversation who are online", ({ onlineShare }) => percent(onlineShare)],
  ["online readers of a message in read mode", ({ readers }) => whole(readers)],
  ["connections", ({ connections }) => whole(connections)],
  ["bytes of a body", ({ body }) => whole(body)],
  ["mean second as a share of the busiest", ({ meanShare }) => percent(meanShare)],
  ["users with an inbox, hot pointers in each", ({ users, hotPointers }) => `${whole(users)}, ${whole(hotPointers)}`],
  ["conversations in use, hot entries in each", ({ conversations, hotEntries }) => `${whole(conversations)}, ${whole(hotEntries)}`],
  ["days of history", ({ days }) => whole(days)],
];

/** What comes of it, a line each. */
const machineLines: readonly [string, (machines: Machines) => string][] = [
  ["deliveries a second", ({ deliveries }) => whole(deliveries)],
  ["inbox writes a second", ({ inboxWrites }) => whole(inboxWrites)],
  ["cores of gateways, fan-out and archive workers", ({ gatewayCores }) => whole(gatewayCores)],
  ["memory of gateways for connections", ({ gatewayMemoryGiB }) => `${short(gatewayMemoryGiB)} GiB`],
  ["Redis primaries, a core each", ({ redisShards }) => whole(redisShards)],
  [`memory of Redis, ${REPLICAS} copies`, ({ redisMemoryGiB }) => `${whole(redisMemoryGiB)} GiB`],
  [`cores of ClickHouse, ${REPLICAS} copies`, ({ clickhouseCores }) => whole(clickhouseCores)],
  [`disk of ClickHouse, ${REPLICAS} copies`, ({ diskTiB }) => `${short(diskTiB)} TiB`],
  ["network to clients", ({ outGbit }) => `${short(outGbit)} Gbit/s`],
  ["network from clients", ({ inGbit }) => `${short(inGbit)} Gbit/s`],
];

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Loads side by side, and what they take. */
export function capacityTable(some: readonly Load[]): string {
  const of = [...loadLines].map(([name, shown]) => [name, ...some.map(shown)]);
  const takes = machineLines.map(([name, shown]) => [`**${name}**`, ...some.map((load) => `**${shown(machinesFor(load, costs))}**`)]);
  return table(["", ...some.map(({ name }) => name)], [...of, ...takes]);
}

/** docs/capacity.md. */
export function capacityPage(): string {
  const costRows = Object.entries(costSources).map(([name, { what, unit, from }]) => [what, `${costs[name as keyof Costs]} ${unit}`, from]);
  return `# Capacity

How many machines a load takes. What each thing costs is measured (docs/performance.md says how); the rest is multiplication, done by
\`loadtest/capacity/model.ts\`. A core is planned to be busy for ${percent(PLANNED)} of the busiest second; the other half is for bursts, for restarts, and for the
loss of a machine. \`npm run capacity -- --messages 20000 --copies 8 --connections 500000\` works it out for a load of your own (\`--help\` lists what can be set).

${capacityTable(loads)}

The last column is the rate that WeChat published for its peak. What the multiplication does not say:

- **Redis.** This build works with one Redis, so with what one primary bears; the keys are made for a cluster: all keys of a conversation, and all of a
  user, lie in one slot, so that shards add up. One busiest conversation does not spread: its commits are one
  core's, about ${whole(PLANNED * (1e6 / costs.commit))} messages a second at the planned half.
- **Gateways** hold no state but sockets. Beside cores they need one machine more than the load takes, so that one can drain.
- **ClickHouse** takes rows in few large inserts: the number of inserts does not grow with the load, their size does. Disk is after compression of
  plausible chat text; bodies that do not compress (encrypted ones) take their full length.
- **Network** counts each delivery once, without TCP's own bytes. Media are not in it: bodies name them by URL.
- Costs are those of one machine of the kind named in docs/performance.md, with hyper-threads for cores. Measure your own: \`npm run bench\`.

## What things cost

${table(["", "cost", "measured by"], costRows)}
`;
}
