/**
 * The closed table of errors: every code a client can meet in a reply, with its text, its HTTP status, whether it passes by itself,
 * and what the caller should do next. Codes below 400 are the Centrifuge protocol's, the product's own start at 1000.
 */
export const errorTable = {
  100: { name: "internal", message: "internal server error", status: 500, temporary: true, next: "retry" },
  101: { name: "unauthorized", message: "unauthorized", status: 401, temporary: false, next: "stop" },
  102: { name: "unknownChannel", message: "unknown channel", status: 404, temporary: false, next: "fix" },
  103: { name: "permissionDenied", message: "permission denied", status: 403, temporary: false, next: "stop" },
  104: { name: "methodNotFound", message: "method not found", status: 404, temporary: false, next: "fix" },
  105: { name: "alreadySubscribed", message: "already subscribed", status: 400, temporary: false, next: "fix" },
  106: { name: "limitExceeded", message: "limit exceeded", status: 429, temporary: false, next: "fix" },
  107: { name: "badRequest", message: "bad request", status: 400, temporary: false, next: "fix" },
  108: { name: "notAvailable", message: "not available", status: 503, temporary: true, next: "retry" },
  109: { name: "tokenExpired", message: "token expired", status: 401, temporary: false, next: "reconnect" },
  110: { name: "expired", message: "expired", status: 400, temporary: false, next: "reconnect" },
  111: { name: "tooManyRequests", message: "too many requests", status: 429, temporary: true, next: "retry" },
  112: { name: "unrecoverablePosition", message: "unrecoverable position", status: 409, temporary: false, next: "fix" },
} as const satisfies Record<number, ErrorRow>;

interface ErrorRow {
  name: string;
  message: string;
  status: number;
  temporary: boolean;
  next: "fix" | "retry" | "reconnect" | "stop";
}

export type ErrorCode = keyof typeof errorTable;

/** The error object of a protocol reply and of an HTTP answer. */
export interface WireError {
  code: number;
  message: string;
  temporary: boolean;
}

/** A refusal that is the caller's to know: its code from the table, and what is wrong behind the table's text. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly temporary: boolean;

  constructor(code: ErrorCode, detail?: string, temporary: boolean = errorTable[code].temporary) {
    super(detail === undefined ? errorTable[code].message : `${errorTable[code].message}: ${detail}`);
    this.code = code;
    this.temporary = temporary;
  }

  /** The shape that goes on the wire. */
  toWire(): WireError {
    return { code: this.code, message: this.message, temporary: this.temporary };
  }
}

/** Close codes of the WebSocket with their reasons (plain words, never JSON: SDKs parse the reason). Below 3500 and 4000–4499 SDKs reconnect. */
export const closeTable = {
  3001: "shutdown",
  3004: "internal server error",
  3005: "connection expired",
  3008: "slow",
  3010: "insufficient state",
  3012: "no pong",
  3013: "too many requests",
  3500: "invalid token",
  3501: "bad request",
  3502: "stale",
  3503: "force disconnect",
  4009: "frame too big",
  4501: "replaced by a newer connection",
} as const;

export type CloseCode = keyof typeof closeTable;

/** Any thrown value as a refusal: a `Refusal` is itself, the rest is 100 and stays out of the client's sight. */
export function asRefusal(thrown: unknown): Refusal {
  return thrown instanceof Refusal ? thrown : new Refusal(100);
}
