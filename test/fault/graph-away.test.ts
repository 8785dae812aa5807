import { expect, onTestFinished, test } from "vitest";
import type { Conversation, Relation } from "#shared/wire/values.ts";
import { childOf } from "#test/support/processes.ts";
import { nothing, relate } from "#test/support/relating.ts";
import { createDevice, hears, type Device } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import { startWorld, type World } from "#test/support/world.ts";

/** A refusal takes 2 s at most (ms), and what a busy machine adds. */
const SOON = 5_000;
/** A refusal that passes. */
const away = { code: 108, temporary: true };

async function online(world: World, user: string): Promise<Device> {
  const device = createDevice({ socket: world.socket(), user, token: () => world.token(user) });
  onTestFinished(() => device[Symbol.dispose]());
  await device.connect();
  return device;
}

/** Tries until the graph serves again; what was refused before may have been done. */
async function served(device: Device, act: string, user: string): Promise<void> {
  const tried = () =>
    relate(device, act, user).then(
      () => true,
      () => false,
    );
  await until(tried, 20_000, () => `relation.${act} served again`);
}

/** A whole list of the graph. */
async function listed(device: Device, kind: string): Promise<Set<string>> {
  const users = new Set<string>();
  for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
    const page: { relations: Relation[]; cursor: string | null } = await device.rpc("relation.list", { kind, limit: 200, cursor });
    for (const { user } of page.relations) users.add(user);
    ({ cursor } = page);
  }
  return users;
}

/** Everybody's relation to everybody is what the lists of the graph say. */
async function agree(devices: readonly Device[]): Promise<void> {
  for (const device of devices) {
    for (const [kind, field] of Object.entries({ following: "following", followers: "followed", friends: "friend", blocked: "blocking" })) {
      const inList = await listed(device, kind);
      const others = devices.map(({ user }) => user).filter((user) => user !== device.user);
      const got = await Promise.all(others.map((other) => relate(device, "get", other)));
      const shown = got.flatMap((relation) => (relation[field as keyof Relation] === true ? [relation.user] : [])).toSorted();
      expect({ user: device.user, kind, users: shown }).toEqual({
        user: device.user,
        kind,
        users: others.filter((other) => inList.has(other)),
      });
    }
  }
}

test("while the graph hangs, sends, sync and facts go on, its questions and changes get a temporary 108, and all is well when it is back", async () => {
  await using world = await startWorld();
  const [ann, bob, cyd] = [await online(world, "ann"), await online(world, "bob"), await online(world, "cyd")];
  const { conversation } = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "single", user: "bob" });
  const { conversation: barred } = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "single", user: "cyd" });
  await relate(bob, "follow", "ann");
  await relate(ann, "block", "cyd");
  const graph = await childOf(world.dir, "graph");
  process.kill(graph, "SIGSTOP");
  try {
    for (const call of [
      () => relate(ann, "follow", "bob"),
      () => relate(ann, "request", "bob"),
      () => bob.rpc("relation.list", { kind: "following" }),
      () => bob.rpc("relation.suggest", {}),
      () => bob.rpc("relation.path", { user: "cyd" }),
    ]) {
      const asked = performance.now();
      await expect(call()).rejects.toMatchObject(away);
      expect(performance.now() - asked).toBeLessThan(SOON);
    }
    expect(await relate(bob, "get", "ann")).toEqual({ ...nothing, user: "ann", following: true });
    await expect(cyd.send(barred.id, "no")).rejects.toMatchObject({ code: 103 });
    const { seq } = await ann.send(conversation.id, "all goes on");
    await hears(bob, conversation.id, seq);
    expect((await bob.rpc<{ publications: object[] }>("timeline.sync", { positions: {} })).publications).toEqual([]);
    const made = await ann.rpc<{ conversation: Conversation }>("conversation.create", { kind: "feed" });
    expect(made.conversation).toMatchObject({ kind: "feed", members: 1 });
  } finally {
    process.kill(graph, "SIGCONT");
  }
  await served(ann, "follow", "bob");
  await served(ann, "request", "bob");
  const members = async () =>
    (await ann.rpc<{ conversation: Conversation }>("conversation.get", { conversationId: await feedOf(bob, "ann") })).conversation.members;
  await until(
    async () => (await members()) === 2,
    10_000,
    () => "the follower of before in the feed that was created meanwhile",
  );
  await agree([ann, bob, cyd]);
});

const feedOf = async (device: Device, author: string): Promise<string> => (await relate(device, "get", author)).feed ?? "";

test("a graph that is killed while people befriend and follow each other comes back with every answered change", async () => {
  await using world = await startWorld();
  const people = await Promise.all(["ann", "bob", "cyd", "dan"].map((user) => online(world, user)));
  const answered: { by: Device; user: string }[] = [];
  let going = true;
  const traffic = people.map(async (by, i) => {
    for (let n = 0; going; n++) {
      const user = `${by.user}-${n}`;
      const others = people[(i + 1 + (n % 3)) % 4] as Device;
      await Promise.allSettled([relate(by, "request", others.user), relate(by, n % 2 === 0 ? "block" : "unblock", others.user)]);
      if ((await Promise.allSettled([relate(by, "follow", user)]))[0]?.status === "fulfilled") answered.push({ by, user });
    }
  });
  for (let round = 0; round < 3; round++) {
    const before = answered.length;
    await until(
      () => answered.length > before + 20,
      20_000,
      () => "follows that are answered",
    );
    process.kill(await childOf(world.dir, "graph"), "SIGKILL");
  }
  const before = answered.length;
  await until(
    () => answered.length > before + 20,
    20_000,
    () => "follows that are answered after the last kill",
  );
  going = false;
  await Promise.all(traffic);
  for (const by of people) {
    const following = await listed(by, "following");
    expect(answered.filter((one) => one.by === by && !following.has(one.user)).map(({ user }) => user)).toEqual([]);
  }
  await until(
    () =>
      agree(people).then(
        () => true,
        () => false,
      ),
    6_000,
    () => "facts that are as the graph",
  );
  await agree(people);
});
