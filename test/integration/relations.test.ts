import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Relation } from "#shared/wire/values.ts";
import { nothing, relate, told, toldOf } from "#test/support/relating.ts";
import { createDevice, type Device } from "#test/support/sdk-device.ts";
import { errorsIn } from "#test/support/server-log.ts";
import { startWorld, type World } from "#test/support/world.ts";

let world: World;
const devices: Device[] = [];
let named = 0;

/** People of a test's own: nobody else has anything to do with them. */
async function people<const Names extends readonly string[]>(...names: Names): Promise<{ [Name in keyof Names]: Device }> {
  const mark = (named += 1);
  const made = names.map((name) => {
    const user = `${name}${mark}`;
    return createDevice({ socket: world.socket(), user, token: () => world.token(user) });
  });
  devices.push(...made);
  await Promise.all(made.map((device) => device.connect()));
  return made as unknown as { [Name in keyof Names]: Device };
}

beforeAll(async () => void (world = await startWorld()));
afterAll(async () => {
  for (const one of devices) one[Symbol.dispose]();
  expect(errorsIn(world.server().log())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

const list = (device: Device, kind: string, more: object = {}) =>
  device.rpc<{ relations: Relation[]; cursor: string | null }>("relation.list", { kind, ...more });
const namesIn = async (device: Device, kind: string): Promise<string[]> => (await list(device, kind)).relations.map(({ user }) => user);

describe("a friendship", () => {
  test("is asked for, seen with its words by the other at once, accepted, listed by both and ended for both", async () => {
    const [ann, bob] = await people("ann", "bob");
    const asked = await relate(ann, "request", bob.user, { note: "from the choir" });
    expect(asked).toEqual({ ...nothing, user: bob.user, request: "out", note: "from the choir" });
    expect(await told(bob, ann.user, 1)).toEqual({ ...nothing, user: ann.user, request: "in", note: "from the choir" });
    expect(await told(ann, bob.user, 1)).toEqual(asked);
    expect([await namesIn(ann, "requests"), await namesIn(bob, "requests")]).toEqual([[bob.user], [ann.user]]);
    const { relation } = await world.call<{ relation: Relation }>(bob.user, "relation.accept", { user: ann.user });
    expect(relation).toEqual({ ...nothing, user: ann.user, friend: true });
    expect(await told(ann, bob.user, 2)).toEqual({ ...nothing, user: bob.user, friend: true });
    expect([await namesIn(ann, "friends"), await namesIn(bob, "friends"), await namesIn(bob, "requests")]).toEqual([
      [bob.user],
      [ann.user],
      [],
    ]);
    expect(await relate(ann, "unfriend", bob.user)).toEqual({ ...nothing, user: bob.user });
    expect(await told(bob, ann.user, 3)).toEqual({ ...nothing, user: ann.user });
    expect(await relate(bob, "get", ann.user)).toEqual({ ...nothing, user: ann.user });
  });

  test("comes of two requests that cross, whatever the order", async () => {
    const [ann, bob] = await people("ann", "bob");
    await Promise.all([relate(ann, "request", bob.user), relate(bob, "request", ann.user)]);
    expect(await relate(ann, "get", bob.user)).toEqual({ ...nothing, user: bob.user, friend: true });
    expect(await relate(bob, "get", ann.user)).toEqual({ ...nothing, user: ann.user, friend: true });
  });

  test("is declined without a word of a friendship, and may be asked for again", async () => {
    const [ann, bob] = await people("ann", "bob");
    await relate(ann, "request", bob.user);
    expect(await relate(bob, "decline", ann.user)).toEqual({ ...nothing, user: ann.user });
    expect(await told(ann, bob.user, 2)).toEqual({ ...nothing, user: bob.user });
    expect(await relate(ann, "request", bob.user)).toMatchObject({ request: "out" });
  });
});

describe("a contact", () => {
  test("is one's own business: it has an alias, which can change, and the other is told nothing", async () => {
    const [ann, bob] = await people("ann", "bob");
    expect(await relate(ann, "add", bob.user)).toEqual({ ...nothing, user: bob.user, contact: true });
    expect(await relate(ann, "add", bob.user, { alias: 'Bobby | [1] "q"\n' })).toMatchObject({ contact: true, alias: 'Bobby | [1] "q"\n' });
    expect(await told(ann, bob.user, 2)).toMatchObject({ alias: 'Bobby | [1] "q"\n' });
    expect((await list(ann, "contacts")).relations).toMatchObject([{ user: bob.user, alias: 'Bobby | [1] "q"\n' }]);
    await relate(bob, "follow", ann.user);
    await told(bob, ann.user, 1);
    expect(toldOf(bob, ann.user)).toEqual([{ ...nothing, user: ann.user, following: true }]);
  });
});

describe("a call that changes nothing", () => {
  test("answers with what is so, and tells nobody", async () => {
    const [ann, bob] = await people("ann", "bob");
    const none = { ...nothing, user: bob.user };
    for (const act of ["unfollow", "unfriend", "unblock"]) expect(await relate(ann, act, bob.user)).toEqual(none);
    const once = await relate(ann, "follow", bob.user);
    expect(await relate(ann, "follow", bob.user)).toEqual(once);
    await relate(ann, "add", bob.user, { alias: "B" });
    await relate(ann, "add", bob.user);
    await relate(ann, "add", bob.user, { alias: "B" });
    await relate(ann, "block", bob.user);
    await relate(ann, "block", bob.user);
    await told(ann, bob.user, 3);
    await relate(bob, "request", "somebody");
    await told(bob, "somebody", 1);
    expect([toldOf(ann, bob.user).length, toldOf(bob, ann.user).length]).toEqual([3, 1]);
  });

  test("is what a repeated requestId is, though all has changed since", async () => {
    const [ann, bob] = await people("ann", "bob");
    const once = await relate(ann, "follow", bob.user, { requestId: "one" });
    await relate(ann, "unfollow", bob.user);
    expect(await relate(ann, "follow", bob.user, { requestId: "one" })).toEqual(once);
    expect(await relate(ann, "get", bob.user)).toMatchObject({ following: false });
  });
});

describe("bad input", () => {
  test.each([
    ["follow", { user: "self" }],
    ["block", { user: "self" }],
    ["get", { user: "self" }],
    ["mutual", { user: "self" }],
    ["accept", { user: "stranger" }],
    ["decline", { user: "stranger" }],
    ["follow", { user: "not a user" }],
    ["follow", {}],
    ["follow", { user: "bob", note: "unknown here" }],
    ["add", { user: "bob", alias: "x".repeat(201) }],
    ["request", { user: "bob", note: "x".repeat(501) }],
    ["list", { kind: "enemies" }],
    ["list", { kind: "friends", limit: 0 }],
    ["list", { kind: "friends", cursor: "bm90IGEgY3Vyc29y" }],
    ["path", { user: "bob", max: 7 }],
    ["suggest", { limit: 201 }],
  ])("relation.%s of %j is refused with 107", async (method, params) => {
    const call = world.call("self", `relation.${method}`, params);
    await expect(call).rejects.toMatchObject({ cause: { code: 107, message: expect.stringMatching(/^bad request: .{10,}/) } });
  });

  test("a cursor of another kind of list, or a changed one, is refused with 107", async () => {
    const [ann] = await people("ann");
    for (const user of ["x1", "x2", "x3"]) await relate(ann, "follow", user);
    const { cursor } = await list(ann, "following", { limit: 2 });
    await expect(list(ann, "followers", { cursor })).rejects.toMatchObject({ code: 107 });
    await expect(list(ann, "following", { cursor: `${cursor}A` })).rejects.toMatchObject({ code: 107 });
    expect((await list(ann, "following", { cursor })).relations.map(({ user }) => user)).toEqual(["x1"]);
  });
});

describe("a list", () => {
  test("is paged newest first, each once, while it changes before and behind the reader", async () => {
    const [ann] = await people("ann");
    const followers = Array.from({ length: 12 }, (_, i) => `${ann.user}-f${i}`);
    for (const user of followers) await world.call(user, "relation.follow", { user: ann.user });
    const seen: string[] = [];
    for (let cursor: string | null = null, pages = 0; pages === 0 || cursor !== null; pages++) {
      const page: { relations: Relation[]; cursor: string | null } = await list(ann, "followers", { limit: 5, cursor });
      seen.push(...page.relations.map(({ user }) => user));
      for (const relation of page.relations) expect(relation).toEqual({ ...nothing, user: relation.user, followed: true });
      ({ cursor } = page);
      if (pages === 0) {
        await world.call(`${ann.user}-new`, "relation.follow", { user: ann.user });
        await world.call(followers[11] as string, "relation.unfollow", { user: ann.user });
        await world.call(followers[2] as string, "relation.unfollow", { user: ann.user });
      }
    }
    expect(seen).toEqual(followers.toReversed().filter((user) => user !== followers[2]));
  });
});

describe("questions of the graph", () => {
  test("tell friends in common, whom one may know, and the shortest chain", async () => {
    const [ann, bob, cyd, dan, eve] = await people("ann", "bob", "cyd", "dan", "eve");
    const befriend = async (one: Device, other: Device) => {
      await relate(one, "request", other.user);
      await relate(other, "accept", one.user);
    };
    for (const [one, other] of [
      [ann, bob],
      [bob, cyd],
      [ann, dan],
      [dan, cyd],
      [cyd, eve],
    ] as const)
      await befriend(one, other);
    const users = async (device: Device, method: string, params: object) =>
      (await device.rpc<{ users: string[] }>(`relation.${method}`, params)).users;
    expect((await users(ann, "mutual", { user: cyd.user })).toSorted()).toEqual([bob.user, dan.user]);
    expect(await users(ann, "suggest", {})).toEqual([cyd.user]);
    const chain = await users(ann, "path", { user: eve.user });
    expect([chain.length, chain[0], chain[2], chain[3]]).toEqual([4, ann.user, cyd.user, eve.user]);
    expect(await users(ann, "path", { user: eve.user, max: 2 })).toEqual([]);
    expect(await users(ann, "path", { user: ann.user })).toEqual([ann.user]);
    await relate(ann, "block", cyd.user);
    expect(await users(ann, "suggest", {})).toEqual([]);
  });
});
