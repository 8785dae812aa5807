import { SLOTS, tagIn } from "./slots.ts";

/** How keys are laid out, for the life of a deployment and of this process. */
export interface Layout {
  cluster: boolean;
  /** Outbox partitions: groups of buckets, each with one owner among the fan-out workers. */
  partitions: number;
  /** Hash tags of the buckets of conversations and of users, and of what belongs to a partition itself. */
  conversations: readonly string[];
  users: readonly string[];
  own: readonly string[];
  /** The slot of each partition; none on one node. */
  slots: readonly number[];
}

/** Users and conversations are hashed into so many buckets. It never changes in the life of a deployment. */
export const BUCKETS = 1_024;

/** One Redis node needs few. */
const PARTITIONS = 8;
/** On a cluster a partition is a slot: few enough that one call holds much, enough for sixteen masters to share them well. */
const CLUSTER_PARTITIONS = 32;

const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

const plain = (): Layout => ({
  cluster: false,
  partitions: PARTITIONS,
  conversations: buckets.map(String),
  users: buckets.map((bucket) => `u${bucket}`),
  own: upTo(PARTITIONS).map((partition) => `p${partition}`),
  slots: [],
});

/**
 * All buckets of a partition lie in one slot, with the partition's outbox: a script may take what belongs to one partition, and few calls serve
 * many users. The slots stand at even distances, so that masters with ranges of equal size hold as many each.
 */
function clustered(): Layout {
  const slots = upTo(CLUSTER_PARTITIONS).map((partition) => Math.floor(((partition + 0.5) * SLOTS) / CLUSTER_PARTITIONS));
  const inSlot = (name: string, bucket: number): string => tagIn(slots[bucket % CLUSTER_PARTITIONS] as number, name);
  return {
    cluster: true,
    partitions: CLUSTER_PARTITIONS,
    conversations: buckets.map((bucket) => inSlot(String(bucket), bucket)),
    users: buckets.map((bucket) => inSlot(`u${bucket}`, bucket)),
    own: upTo(CLUSTER_PARTITIONS).map((partition) => inSlot(`p${partition}`, partition)),
    slots,
  };
}

let chosen: Layout | null = null;
let layout = plain();

/** The layout of this process: that of one node until a cluster is chosen. */
export const currentLayout = (): Layout => layout;

/**
 * Lays the keys out for a cluster or for one node.
 * @throws Error if this process has opened a hot tier of the other kind
 */
export function chooseLayout(cluster: boolean): void {
  if (chosen !== null && chosen.cluster !== cluster)
    throw new Error("a process may work with one Redis node or with a cluster, not with both");
  if (chosen === null && cluster) layout = clustered();
  chosen = layout;
}
