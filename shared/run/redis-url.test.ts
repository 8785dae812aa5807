import { expect, test } from "vitest";
import { parseClusterUrl } from "./redis-url.ts";

test.each([
  ["redis+cluster://a:7000", [["a", 7000]], {}],
  [
    "redis+cluster://a,b:7001,[::1]:7002",
    [
      ["a", 6379],
      ["b", 7001],
      ["::1", 7002],
    ],
    {},
  ],
  [
    "redis://a:7000,b:7001",
    [
      ["a", 7000],
      ["b", 7001],
    ],
    {},
  ],
  [
    "redis://a:7000,redis://b:7001",
    [
      ["a", 7000],
      ["b", 7001],
    ],
    {},
  ],
  ["rediss+cluster://:p%40ss@a:1", [["a", 1]], { password: "p@ss", tls: {} }],
  [
    "redis+cluster://who:secret@a:1,b:2/",
    [
      ["a", 1],
      ["b", 2],
    ],
    { username: "who", password: "secret" },
  ],
] as const)("%s names the nodes of a cluster", (url, nodes, access) => {
  expect(parseClusterUrl(url)).toEqual({ nodes: nodes.map(([host, port]) => ({ host, port })), access });
});

test.each([
  "redis://a:7000",
  "/run/redis.sock",
  "redis+cluster://",
  "redis+cluster://a:7000,,b",
  "redis+cluster://a:99999",
  "redis+cluster://a:1/2",
  "http://a,b",
])("%s does not", (url) => {
  expect(parseClusterUrl(url)).toBeNull();
});
