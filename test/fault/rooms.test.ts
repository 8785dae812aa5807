import { expect, test } from "vitest";
import { testSecret, tokenOf } from "#services/gateway/testing.ts";
import { hotRanges } from "#shared/hot/entries.ts";
import { openHot } from "#shared/hot/redis.ts";
import { createLogger } from "#shared/run/logger.ts";
import { SMALL, USERS } from "#test/support/chatter.ts";
import { type Place, startDeployment } from "#test/support/deployment.ts";
import { createDevice, group, hears, range, seqsOf } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";

test("readers of a room whose gateway hangs for longer than entries stay hot hear all of them when it goes on", async () => {
  await using deployment = await startDeployment({ FANOUT_WRITE_MAX: SMALL, JWT_SECRET: testSecret });
  await deployment.restart("gateway 2");
  const at = (place: Place, user: string) =>
    createDevice({
      socket: deployment.socket(place),
      user,
      token: () => Promise.resolve(tokenOf(user)),
    });
  using ann = at("gateway", "ann");
  await ann.connect();
  const { id } = await group(ann, "Five", USERS.slice(1));
  const readers = USERS.slice(1).map((user) => at("gateway 2", user));
  await Promise.all(readers.map((device) => device.connect()));
  await ann.send(id, "1");
  await Promise.all(readers.map((device) => hears(device, id, 1)));
  await deployment.server("fanout").kill();
  const hung = deployment.server("gateway 2").pid;
  process.kill(hung, "SIGSTOP");
  try {
    for (const from of range(0, 19)) await Promise.all(range(1, 100).map((n) => ann.send(id, String(1 + from * 100 + n))));
    await using hot = await openHot(deployment.redis.url, createLogger("silent", { role: "test" }));
    const trimmed = async () => ((await hotRanges(hot, [{ conversationId: id, from: 1, to: 1 }]))[0]?.base ?? 0) > 900;
    await until(trimmed, 15_000, () => "more than the newest entries still in Redis");
  } finally {
    process.kill(hung, "SIGCONT");
  }
  await Promise.all(readers.map((device) => hears(device, id, 2_001, 60_000)));
  await deployment.restart("fanout");
  await ann.send(id, "2002");
  for (const device of readers) {
    await hears(device, id, 2_002);
    expect({ heard: seqsOf(device.heard(id)), codes: device.codes }).toEqual({ heard: range(1, 2_002), codes: [0] });
    device[Symbol.dispose]();
  }
});
