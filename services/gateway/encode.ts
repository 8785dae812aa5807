import type { WireError } from "#shared/wire/errors.ts";

/** The JSON side of the Centrifuge client protocol v2, outward. Every function gives one complete line, without line end; `…Json` arguments are JSON text. */

/** A successful reply: `kind` names its result object, which is always there. */
export function replyLine(id: number, kind: string, resultJson: string): string {
  return `{"id":${id},"${kind}":${resultJson}}`;
}

/** The reply to an rpc; the hot one. */
export function rpcLine(id: number, dataJson: string): string {
  return `{"id":${id},"rpc":{"data":${dataJson}}}`;
}

export function errorLine(id: number, { code, message, temporary }: WireError): string {
  return `{"id":${id},"error":{"code":${code},"message":${JSON.stringify(message)}${temporary ? ',"temporary":true' : ""}}}`;
}

/** A publication. Without `offset` it moves no position: only for channels that are not recoverable. */
export function publicationLine(channel: string, dataJson: string, offset?: number): string {
  const at = offset === undefined ? "" : `,"offset":${offset}`;
  return `{"push":{"channel":${JSON.stringify(channel)},"pub":{"data":${dataJson}${at}}}}`;
}

/** A new server-side subscription, standing at `offset`: before the first publication that follows. */
export function subscribeLine(channel: string, position: { epoch: string; offset: number }): string {
  const { epoch, offset } = position;
  const data = JSON.stringify({ recoverable: true, positioned: true, epoch, offset, data: { epoch, offset } });
  return `{"push":{"channel":${JSON.stringify(channel)},"subscribe":${data}}}`;
}

/** The end of a server-side subscription. `reason` is plain words, never empty. */
export function unsubscribeLine(channel: string, reason: string): string {
  return `{"push":{"channel":${JSON.stringify(channel)},"unsubscribe":{"code":2000,"reason":${JSON.stringify(reason)}}}}`;
}
