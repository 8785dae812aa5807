import { expect, test } from "vitest";
import { inboxKeyOf } from "#shared/cold/encode.ts";
import { emptyBatch } from "./batch.ts";
import { addDeliveries } from "./inbox-rows.ts";

test("each pointer of a delivery becomes a row at its offset, and the length of the inbox is noted", async () => {
  const batch = emptyBatch();
  await addDeliveries(batch, ["ann 7 12 epoch001\tm 5 1 1 77\tm 5 2 2 78", 'bob 1 1 epoch002\tV 5 0 9 - {"type":"read"}']);
  const rows = Array.from({ length: batch.inbox.rows }, (_, i) => inboxKeyOf(batch.inbox.row(i)).key);
  expect(rows).toEqual(["ann 7", "ann 8", "bob 1"]);
  expect([...batch.inboxes]).toEqual([
    ["ann", 12],
    ["bob", 1],
  ]);
});
