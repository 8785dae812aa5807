import { Readable, type Transform } from "node:stream";
import zlib from "node:zlib";
import { ClickHouseError } from "./errors.ts";
import { lz4Decoder } from "./lz4.ts";

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: () => zlib.createGunzip(),
  "x-gzip": () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
  lz4: lz4Decoder,
};

/** The request's body in the clear by its Content-Encoding; an unknown one is an error 89. A broken body ends the stream in an error. */
export const decoded = (body: Readable, encoding: string | undefined): Readable => {
  const name = (encoding ?? "identity").trim().toLowerCase();
  if (name === "identity" || name === "") return body;
  const decoder = DECODERS[name];
  if (decoder === undefined) throw new ClickHouseError(89, "UNKNOWN_COMPRESSION_METHOD", `Unknown compression method: ${name}`);
  const stream = decoder();
  body.on("error", (error) => stream.destroy(error));
  body.on("close", () => {
    if (!body.readableEnded) stream.destroy(new Error("the request ended early"));
  });
  return body.pipe(stream);
};

export type AnswerEncoding = "zstd" | "gzip" | "br" | "deflate";

const ENCODERS: Readonly<Record<AnswerEncoding, () => Transform & zlib.Zlib>> = {
  zstd: () => zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } }),
  gzip: () => zlib.createGzip({ level: 3 }),
  br: () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
  deflate: () => zlib.createDeflate({ level: 3 }),
};

/** The answer's encoding: the first the client accepts of those the server has, cheapest first; null without `enable_http_compression=1`. */
export const chooseEncoding = (accept: string | undefined, enabled: boolean): AnswerEncoding | null => {
  if (!enabled || accept === undefined) return null;
  const offered = new Set(accept.split(",").map((part) => part.split(";")[0]!.trim().toLowerCase()));
  return (["zstd", "gzip", "br", "deflate"] as const).find((name) => offered.has(name)) ?? null;
};

/** A compressing stream for an answer. */
export const encoderFor = (name: AnswerEncoding): Transform & zlib.Zlib => ENCODERS[name]();
