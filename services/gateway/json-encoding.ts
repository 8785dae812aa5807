import type { Encoding } from "./encoding.ts";
import { textFrame } from "./frame.ts";
import { readJsonFrame } from "./protocol.ts";

/** JSON: one line a reply or push, frames are text. */
export const json: Encoding = {
  binary: false,
  ping: "{}",
  reply: (id, kind, resultJson) => `{"id":${id},"${kind}":${resultJson}}`,
  rpc: (id, dataJson) => `{"id":${id},"rpc":{"data":${dataJson}}}`,
  error: (id, { code, message, temporary }) =>
    `{"id":${id},"error":{"code":${code},"message":${JSON.stringify(message)}${temporary ? ',"temporary":true' : ""}}}`,
  publication(channel, dataJson, offset) {
    const at = offset === undefined ? "" : `,"offset":${offset}`;
    return `{"push":{"channel":${JSON.stringify(channel)},"pub":{"data":${dataJson}${at}}}}`;
  },
  subscribe(channel, { epoch, offset }) {
    const data = JSON.stringify({ recoverable: true, positioned: true, epoch, offset, data: { epoch, offset } });
    return `{"push":{"channel":${JSON.stringify(channel)},"subscribe":${data}}}`;
  },
  unsubscribe: (channel, reason) =>
    `{"push":{"channel":${JSON.stringify(channel)},"unsubscribe":{"code":2000,"reason":${JSON.stringify(reason)}}}}`,
  join: (pieces) => pieces.join("\n"),
  frame: (piece) => textFrame(piece as string),
  read: readJsonFrame,
};
