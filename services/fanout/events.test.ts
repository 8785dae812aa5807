import { Compile } from "typebox/compile";
import { afterAll, beforeAll, expect, test } from "vitest";
import { leave, read, update } from "#shared/hot/changes.ts";
import { views } from "#shared/hot/conversations.ts";
import { changing, make, send } from "#shared/hot/testing.ts";
import { eventTable } from "#shared/wire/events.ts";
import { eventPointer, parsePointer, wantsTotal, withTotal } from "#shared/wire/pointer.ts";
import { startHot, type TestHot } from "#test/support/hot.ts";
import { joinedJson, leftJson, ownJson, readJson } from "./events.ts";

let world: TestHot;
beforeAll(async () => void (world = await startHot()));
afterAll(() => world[Symbol.asyncDispose]());

/** The event as its reader gets it, valid by the table. */
function told(json: string | null | undefined): Record<string, unknown> {
  const pointer = parsePointer(eventPointer("V", "7", 0, 5, "-", json ?? "{}"));
  if (!("json" in pointer)) throw new Error("no event");
  const event = JSON.parse(wantsTotal(pointer) ? withTotal(pointer.json, 3) : pointer.json) as { type: "conversation" | "read" };
  expect([...Compile(eventTable[event.type].data).Errors(event)]).toEqual([]);
  return event;
}

test("who comes into a group is told the conversation with their own relation to it, each for themselves", async () => {
  const id = await make(world, ["ann", "bob"], { metaJson: '{"a":1}', title: "tea" });
  const events = await joinedJson(world.hot, id, ["ann", "bob", "gone"], 0, "w");
  const my = { joinedSeq: 0, readSeq: 0, unread: 0 };
  expect(told(events.get("ann"))).toMatchObject({
    change: "joined",
    seq: 0,
    delivery: "write",
    conversation: { id, title: "tea", my: { ...my, role: "owner" } },
  });
  expect(told(events.get("bob"))).toMatchObject({ total: 3, conversation: { meta: { a: 1 }, my: { ...my, role: "member" } } });
  expect(told(events.get("gone"))["conversation"]).not.toHaveProperty("my");
});

test("who comes into a single is told who the other side is, and in read mode that the channel delivers", async () => {
  const id = await make(world, ["ann", "bob"], { kind: "single", owner: null, title: "ann bob" });
  const events = await joinedJson(world.hot, id, ["ann", "bob"], 0, "r");
  expect(told(events.get("ann"))).toMatchObject({ delivery: "read", conversation: { title: null, owner: null, peer: { user: "bob" } } });
  expect(told(events.get("bob"))).toMatchObject({ conversation: { peer: { user: "ann", readSeq: 0 } } });
});

test("who is out is told the conversation without a relation to it", async () => {
  const id = await make(world, ["ann", "bob"]);
  await leave(changing(world), id, "bob", "leave", ["bob"]);
  const [view] = await views(world.hot, "bob", [id]);
  if (view === null || view === undefined) throw new Error("no view");
  const event = told(leftJson(view, 1));
  expect(event).toMatchObject({ change: "left", seq: 1, conversation: { id, members: 1 } });
  expect(event["conversation"]).not.toHaveProperty("my");
});

test("who changes their own flags is told so, unless they are out meanwhile", async () => {
  const id = await make(world, ["ann", "bob"]);
  await update(changing(world), id, "bob", [], { set: 1, clear: 0 });
  expect(told(await ownJson(world.hot, id, "bob"))).toMatchObject({
    change: "changed",
    conversation: { my: { muted: true, pinned: false } },
  });
  expect(await ownJson(world.hot, id, "cyd")).toBeNull();
});

test("who reads is told how far, and what is unread when it is written", async () => {
  const id = await make(world, ["ann", "bob"]);
  await send(world, id, ["ann", "ann", "ann"]);
  await read(world.hot, id, "bob", 2, async () => 0);
  expect(told(await readJson(world.hot, id, "bob", 2, 2))).toMatchObject({ conversationId: id, readSeq: 2, count: 2 });
});
