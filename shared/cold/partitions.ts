import type { ClickHouseClient } from "@clickhouse/client";
import { ask } from "./ask.ts";
import { stringLiteral } from "./sql.ts";

/** A month of a table that is partitioned by month. */
export interface Partition {
  table: string;
  /** `YYYYMM` */
  month: string;
  /** Before deduplication. */
  rows: number;
  /** On disk. */
  bytes: number;
  parts: number;
  /** True if every part lies on the volume `cold`. */
  onColdVolume: boolean;
  /** True if every part is compressed as old parts are. */
  recompressed: boolean;
}

/** The months of the tables and where they lie. */
export interface PartitionStore {
  /** True where the storage policy of `messages` has a volume named `cold`. */
  hasColdVolume(): Promise<boolean>;
  /** Active parts by table and month. */
  partitions(): Promise<Partition[]>;
  /** Moves a month to the volume `cold`. Resolves when it is there. */
  moveToCold(table: string, month: string): Promise<void>;
  /** Makes rows older than this many days be compressed harder when their parts are next merged. Does nothing where it is so already. */
  recompressAfter(table: string, days: number): Promise<void>;
  /** Merges a month into one part. It takes a read and a write of its bytes. */
  mergeMonth(table: string, month: string): Promise<void>;
}

const COLD_CODEC = "ZSTD(6)";
const name = (table: string): string => `tributary.\`${table.replaceAll("`", "")}\``;

type RawPartition = Record<"table" | "month" | "rows" | "bytes" | "parts" | "cold" | "recompressed", string>;

const partitionsOf = (client: ClickHouseClient): Promise<Partition[]> =>
  ask(
    client,
    `SELECT table, partition_id AS month, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts,
       min(disk_name IN (SELECT arrayJoin(disks) FROM system.storage_policies WHERE volume_name = 'cold')) AS cold,
       min(default_compression_codec = '${COLD_CODEC}') AS recompressed
     FROM system.parts WHERE database = 'tributary' AND active AND match(partition_id, '^[0-9]{6}$') GROUP BY table, month ORDER BY table, month`,
    (raw: RawPartition) => ({
      table: raw.table,
      month: raw.month,
      rows: Number(raw.rows),
      bytes: Number(raw.bytes),
      parts: Number(raw.parts),
      onColdVolume: Number(raw.cold) === 1,
      recompressed: Number(raw.recompressed) === 1,
    }),
  );

const recompressAfter = async (client: ClickHouseClient, table: string, days: number): Promise<void> => {
  const ttl = `toDateTime(at) + toIntervalDay(${Math.trunc(days)}) RECOMPRESS CODEC(${COLD_CODEC})`;
  const [definition = ""] = await ask(
    client,
    `SELECT create_table_query AS q FROM system.tables WHERE database = 'tributary' AND name = ${stringLiteral(table)}`,
    (raw: { q: string }) => raw.q,
  );
  if (definition.includes(ttl)) return;
  await client.command({ query: `ALTER TABLE ${name(table)} MODIFY TTL ${ttl}` });
};

export const createPartitionStore = (client: ClickHouseClient): PartitionStore => ({
  async hasColdVolume() {
    const query = `SELECT count() AS n FROM system.storage_policies WHERE volume_name = 'cold' AND policy_name =
      (SELECT any(storage_policy) FROM system.tables WHERE database = 'tributary' AND name = 'messages')`;
    const [found] = await ask(client, query, (raw: { n: string }) => Number(raw.n) > 0);
    return found ?? false;
  },
  partitions: () => partitionsOf(client),
  async moveToCold(table, month) {
    await client.command({ query: `ALTER TABLE ${name(table)} MOVE PARTITION ID ${stringLiteral(month)} TO VOLUME 'cold'` });
  },
  recompressAfter: (table, days) => recompressAfter(client, table, days),
  async mergeMonth(table, month) {
    await client.command({ query: `OPTIMIZE TABLE ${name(table)} PARTITION ID ${stringLiteral(month)} FINAL` });
  },
});
