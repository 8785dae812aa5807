import { constants, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, open } from "node:fs/promises";
import { join } from "node:path";
import { OWNER } from "./owner.ts";

/**
 * The files of the embedded graph. The database itself is not trusted to come back from a crash: it is made again from its last snapshot and the
 * journal of what was written since, both of one number. Only one that was closed in order is opened as it is.
 */
export interface GraphFiles {
  dir: string;
  database: string;
  /** Of the present snapshot. */
  journal(): string;
  /** Keeps a copy of the database, which must be at rest, and goes on with an empty journal. `begin` opens that. */
  snapshot(begin: (journal: string) => Promise<void>): Promise<void>;
  /** Says that the database was closed in order. */
  closed(): void;
  /** True if the database must be brought up to date by the journal. */
  behind: boolean;
}

const SNAPSHOT = /^snapshot-(\d+)\.lbug$/;

/** Finds the files of `dir`, made when missing, and puts the last snapshot in the place of a database that was not closed in order. */
export function openFiles(dir: string): GraphFiles {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = (name: string) => join(dir, name);
  const snapshotOf = (n: number) => path(`snapshot-${n}.lbug`);
  const journalOf = (n: number) => path(`journal-${n}`);
  const [database, mark] = [path("graph.lbug"), path("closed")];
  let number = Math.max(0, ...readdirSync(dir).flatMap((name) => Number(SNAPSHOT.exec(name)?.[1] ?? 0)));
  const behind = !existsSync(mark) || existsSync(`${database}.wal`);
  rmSync(mark, { force: true });
  const keep = new Set([path(OWNER), snapshotOf(number), journalOf(number), ...(behind ? [] : [database])]);
  for (const name of readdirSync(dir)) if (!keep.has(path(name))) rmSync(path(name), { recursive: true });
  if (behind && number > 0) copyFileSync(snapshotOf(number), database, constants.COPYFILE_FICLONE);

  return {
    dir,
    database,
    behind,
    journal: () => journalOf(number),
    async snapshot(begin) {
      const next = number + 1;
      const draft = path("snapshot.draft");
      await copyFile(database, draft, constants.COPYFILE_FICLONE);
      await onDisk(draft);
      await begin(journalOf(next));
      renameSync(draft, snapshotOf(next));
      await onDisk(dir);
      for (const old of [snapshotOf(number), journalOf(number)]) rmSync(old, { force: true });
      number = next;
    },
    closed: () => writeFileSync(mark, "", { mode: 0o600 }),
  };
}

async function onDisk(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
