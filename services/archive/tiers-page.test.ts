import { expect, test } from "vitest";
import { pageOf, size } from "./tiers-page.ts";

test("sizes are said in the unit that fits", () => {
  expect([0, 1_023, 1_536, 5 * 1024 ** 3].map(size)).toEqual(["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
});

test("the page shows the tiers, the lag and the plan", () => {
  const page = pageOf(
    {
      memory: { used: 3 * 1024 ** 2, limit: 0, pressure: false },
      totals: { conversations: 2, entries: 1_500, users: 3, pointers: 70 },
      lags: [{ name: "0", length: 4, seconds: 1.25, pending: 3 }],
      tables: [
        { table: "inbox", rows: 70, bytes: 2_048, parts: 1 },
        { table: "messages", rows: 20, bytes: 900, parts: 2 },
      ],
      months: [{ table: "messages", month: "202609", rows: 20, bytes: 900, parts: 1, onColdVolume: false, recompressed: true }],
      plan: [{ kind: "trim-mailbox", rule: "mailbox-newest", id: "7", base: 0, to: 500, rows: 500 }],
    },
    true,
  );
  expect(page.split("\n").map((line) => line.replaceAll(/ +/g, " "))).toEqual([
    "tier what rows bytes",
    "hot entries of 2 conversations 1,500",
    "hot pointers of 3 inboxes 70",
    "hot Redis 3.0 MiB",
    "cold messages 202609 20 900 B",
    "warm inbox 70 2.0 KiB",
    "",
    "stream length not archived seconds behind",
    "outbox 0 4 3 1.3",
    "",
    "rule what rows which",
    "mailbox-newest trim-mailbox 7 500 1–500",
    "",
  ]);
});
