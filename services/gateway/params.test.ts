import { expect, test } from "vitest";
import { Refusal } from "#shared/wire/errors.ts";
import { checkParams } from "./params.ts";

function refusalOf(method: string, params: unknown): string {
  try {
    checkParams(method, params, JSON.stringify(params).length);
  } catch (thrown) {
    if (thrown instanceof Refusal) return `${thrown.code} ${thrown.message.replace(/^[a-z ]+: /, "")}`;
    throw thrown;
  }
  return "fine";
}

const send = (kind: string, body: unknown) => ({ conversationId: "1", clientMsgId: "m", kind, body });
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

test.each([
  ["conversation.list", {}, "fine"],
  ["conversation.list", { limit: 300 }, "107 limit must be ≤ 200"],
  ["conversation.list", { limit: 1.5 }, "107 limit must be a whole number"],
  ["conversation.list", { cursor: 5 }, "107 cursor must be a string"],
  ["conversation.list", { limits: 5 }, "107 limits is not known"],
  ["conversation.get", {}, "107 conversationId is missing"],
  ["conversation.get", [], "107 parameters must be an object"],
  ["conversation.get", { conversationId: "x" }, "107 conversationId must be decimal string"],
  ["conversation.add", { conversationId: "1", users: ["a", "!"] }, /^107 users\[1\] must be 1–64/],
  ["conversation.add", { conversationId: "1", users: [] }, "107 users must not be empty"],
  ["conversation.create", { kind: "group", title: "", members: [] }, "107 title must not be empty"],
  ["conversation.create", { kind: "room" }, "107 kind must be one of single, group, feed"],
  ["conversation.create", { kind: "single", user: "bob", title: "no" }, "107 title is not known"],
  [
    "conversation.create",
    { kind: "group", title: "t", members: [], meta: "x".repeat(5_000) },
    "107 meta must have at most 4096 bytes of JSON",
  ],
  ["conversation.create", { kind: "group", title: "t", members: [], meta: { a: 1 } }, "fine"],
  ["timeline.sync", { positions: { a: { epoch: 1, offset: 1 } } }, "107 positions.a.epoch must be a string"],
  ["message.send", send("text", { text: "hi" }), "fine"],
  ["message.send", send("song", {}), /^107 kind must be one of text, emoji, image/],
  ["message.send", send("system", { code: "a", args: 1 }), /^103 /],
  ["message.send", send("text", { text: "" }), "107 body.text must not be empty"],
  ["message.send", send("text", { text: "a", html: "b" }), "107 body.html is not known"],
  ["message.send", send("text", "hi"), "107 body must be an object"],
  ["message.send", send("image", { mime: "image/png", size: 1 }), "107 body needs url or mediaId"],
  ["message.send", send("image", { mime: "image/png", size: 1, mediaId: "m" }), "fine"],
  ["message.send", send("location", { lat: 91, lon: 0 }), "107 body.lat must be ≤ 90"],
  ["message.send", send("text", { text: "x".repeat(17_000) }), "107 body must have at most 16384 bytes of JSON"],
  ["message.send", send("text", { text: "é".repeat(8_180) }), "fine"],
  ["message.send", send("text", { text: "é".repeat(8_200) }), "107 body must have at most 16384 bytes of JSON"],
  ["message.send", send("custom", null), "fine"],
  ["message.send", { conversationId: "1", clientMsgId: "m", kind: "custom" }, "107 body is missing"],
  ["message.send", send("custom", nested(200)), "fine"],
  ["message.send", send("custom", nested(1_000)), "107 body must not be nested deeper than 200 levels"],
  ["message.send", { ...send("text", { text: "a" }), mentions: ["a", 5] }, "107 mentions[1] must be a string"],
])("%s %j", (method, params, wanted) => {
  if (typeof wanted === "string") expect(refusalOf(method, params)).toBe(wanted);
  else expect(refusalOf(method, params)).toMatch(wanted);
});

test("JSON that grows when it is written out is measured as it is stored", () => {
  const body = JSON.parse(`[${Array.from({ length: 3_000 }, () => "1e20").join(",")}]`) as unknown;
  expect(() => checkParams("message.send", send("custom", body), 15_000)).toThrow("16384 bytes");
});
