import { afterAll, beforeAll, expect, test } from "vitest";
import type { Conversation } from "#shared/wire/values.ts";
import { nothing, relate, told, toldOf } from "#test/support/relating.ts";
import { createDevice, group, hears, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { startWorld, type World } from "#test/support/world.ts";

let world: World;
let ann: Device;
let bob: Device;
let cyd: Device;

beforeAll(async () => void (world = await startWorld()));
afterAll(async () => {
  expect(errorsIn(world.server().log())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

let round = 0;
/** Three people whom no other test knows. */
async function fresh(): Promise<void> {
  round++;
  [ann, bob, cyd] = (await Promise.all(
    ["ann", "bob", "cyd"].map(async (name) => {
      const user = `${name}${round}`;
      const device = createDevice({ socket: world.socket(), user, token: () => world.token(user) });
      await device.connect();
      return device;
    }),
  )) as [Device, Device, Device];
}

const open = async (by: Device, user: string): Promise<string> =>
  (await by.rpc<{ conversation: Conversation }>("conversation.create", { kind: "single", user })).conversation.id;
const refused = { code: 103 };

test("in a single neither side can send while one blocks the other, and both can again afterwards", async () => {
  await fresh();
  const id = await open(ann, bob.user);
  const first = await ann.send(id, "hello", "the first");
  await relate(ann, "block", bob.user);
  expect(await ann.send(id, "sent again after a lost answer", "the first")).toEqual({ ...first, duplicate: true });
  await expect(bob.send(id, "hello?")).rejects.toMatchObject(refused);
  await expect(ann.send(id, "no")).rejects.toMatchObject(refused);
  await relate(bob, "block", ann.user);
  await relate(ann, "unblock", bob.user);
  await expect(ann.send(id, "one block is left")).rejects.toMatchObject(refused);
  await relate(bob, "unblock", ann.user);
  expect((await bob.send(id, "again")).seq).toBe(2);
  expect((await ann.send(id, "yes")).seq).toBe(3);
  await hears(bob, id, 3);
});

test("a single that is opened after the block is closed too, whoever opens it", async () => {
  await fresh();
  await relate(ann, "block", bob.user);
  await relate(cyd, "block", ann.user);
  const [byBlocked, byBlocker] = [await open(bob, ann.user), await open(cyd, ann.user)];
  await expect(bob.send(byBlocked, "let me in")).rejects.toMatchObject(refused);
  await expect(ann.send(byBlocked, "no")).rejects.toMatchObject(refused);
  await expect(ann.send(byBlocker, "let me in")).rejects.toMatchObject(refused);
  await relate(ann, "unblock", bob.user);
  expect((await bob.send(byBlocked, "thanks")).seq).toBe(1);
});

test("a single that is opened while the block is made is closed as well", async () => {
  await fresh();
  const strangers = Array.from({ length: 20 }, (_, i) => `${ann.user}-s${i}`);
  for (const user of strangers) {
    const [id] = await Promise.all([open(ann, user), relate(ann, "block", user)]);
    await expect(
      world.call(user, "message.send", { conversationId: id, clientMsgId: "1", kind: "text", body: { text: "no" } }),
    ).rejects.toMatchObject({
      cause: refused,
    });
  }
});

test("the blocked one can neither follow nor ask nor accept nor add, ends to follow, and sees nothing else of it", async () => {
  await fresh();
  await relate(bob, "follow", ann.user);
  await relate(bob, "request", ann.user);
  await relate(ann, "follow", bob.user);
  await told(bob, ann.user, 3);
  expect(await relate(ann, "block", bob.user)).toEqual({ ...nothing, user: bob.user, following: true, blocking: true });
  expect(await told(bob, ann.user, 4)).toEqual({ ...nothing, user: ann.user, followed: true });
  for (const act of ["follow", "request", "accept", "add"]) await expect(relate(bob, act, ann.user)).rejects.toMatchObject(refused);
  await relate(ann, "unblock", bob.user);
  await relate(ann, "block", bob.user);
  await relate(ann, "request", bob.user);
  expect(await told(bob, ann.user, 5)).toEqual({ ...nothing, user: ann.user, followed: true, request: "in" });
  await expect(relate(bob, "accept", ann.user)).rejects.toMatchObject(refused);
  expect(toldOf(bob, ann.user).length).toBe(5);
});

test("groups are not affected, but who blocks somebody is not brought into a group by them", async () => {
  await fresh();
  const shared = await group(cyd, "Shared", [ann.user, bob.user]);
  await relate(ann, "block", bob.user);
  await bob.send(shared.id, "all hear this");
  await hears(ann, shared.id, 1);
  const own = await group(bob, "Bob's", [ann.user, cyd.user]);
  expect(own.members).toBe(2);
  const added = await bob.rpc<{ skipped: string[]; conversation: Conversation }>("conversation.add", {
    conversationId: own.id,
    users: [ann.user, "dan", cyd.user],
  });
  expect([added.skipped.toSorted(), added.conversation.members]).toEqual([[ann.user, cyd.user], 3]);
  const theirs = await group(ann, "Ann's", [bob.user]);
  expect(theirs.members).toBe(2);
});
