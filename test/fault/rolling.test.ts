import { expect, test } from "vitest";
import { testSecret, tokenOf } from "#services/gateway/testing.ts";
import { SMALL, startChatter } from "#test/support/chatter.ts";
import { startBalancer } from "#test/support/balancer.ts";
import { type Place, startDeployment } from "#test/support/deployment.ts";
import { createHttpCalls } from "#test/support/http-calls.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { verdict } from "#test/support/verdict.ts";

const places: readonly Place[] = ["gateway", "gateway 2", "fanout", "fanout 2", "archive", "archive 2"];

test.each(["stop", "kill"] as const)(
  "every process of two gateways, two workers and two archives is restarted in turn (%s) under traffic, and nobody loses or doubles a message",
  async (end) => {
    const random = createRandom(seedOf(`rolling ${end}`));
    await using deployment = await startDeployment({ FANOUT_WRITE_MAX: SMALL, DRAIN_SECONDS: "1", JWT_SECRET: testSecret });
    for (const place of ["gateway 2", "fanout 2", "archive 2"] as const) await deployment.restart(place);
    await using balancer = await startBalancer(() => [deployment.port("gateway"), deployment.port("gateway 2")]);
    const stage = {
      ...createHttpCalls(() => `http://127.0.0.1:${balancer.port}`, tokenOf),
      socket: () => `ws://127.0.0.1:${balancer.port}/connection/websocket`,
    };
    await using chatter = await startChatter(stage, random);
    for (const place of places) {
      await chatter.more(random.between(50, 400));
      const ended = deployment.server(place)[end]();
      await chatter.more(random.between(1, 100));
      await ended;
      await deployment.restart(place);
    }
    await chatter.more(100);
    await chatter.stop();
    await verdict(chatter, stage, deployment.clickhouseUrl);
    // Each was with one of the gateways, and moved at least once.
    for (const { codes } of chatter.devices) expect(codes.length).toBeGreaterThan(1);
    if (end === "stop") expect(new Set(chatter.devices.flatMap(({ codes }) => codes))).toContain(3001);
  },
);
