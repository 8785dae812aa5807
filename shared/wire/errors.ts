/**
 * The closed table of errors: every code a client can meet in a reply, with its text, its HTTP status, whether it passes by itself,
 * and what the caller should do next. Codes below 400 are the Centrifuge protocol's, the product's own start at 1000.
 */
export const errorTable = {
  100: {
    name: "internal",
    message: "internal server error",
    about: "Something went wrong in the server; it is in its log.",
    status: 500,
    temporary: true,
    next: "retry",
  },
  101: {
    name: "unauthorized",
    message: "unauthorized",
    about: "No token, or one that is not valid here.",
    status: 401,
    temporary: false,
    next: "stop",
  },
  102: {
    name: "unknownChannel",
    message: "unknown channel",
    about: "No such channel for this connection.",
    status: 404,
    temporary: false,
    next: "fix",
  },
  103: {
    name: "permissionDenied",
    message: "permission denied",
    about: "One may not do that, or there is no such conversation: outsiders can't tell.",
    status: 403,
    temporary: false,
    next: "stop",
  },
  104: {
    name: "methodNotFound",
    message: "method not found",
    about: "No method of that name.",
    status: 404,
    temporary: false,
    next: "fix",
  },
  105: {
    name: "alreadySubscribed",
    message: "already subscribed",
    about: "The server holds this channel already; nothing has to be subscribed.",
    status: 400,
    temporary: false,
    next: "fix",
  },
  106: {
    name: "limitExceeded",
    message: "limit exceeded",
    about: "A command is too big as a whole, or a count has grown full (members, mentions, connections).",
    status: 429,
    temporary: false,
    next: "fix",
  },
  107: {
    name: "badRequest",
    message: "bad request",
    about: "A parameter is missing, unknown, or outside its type, range or size; the message names it.",
    status: 400,
    temporary: false,
    next: "fix",
  },
  108: {
    name: "notAvailable",
    message: "not available",
    about: "A store is away or behind, or this build does not serve that yet.",
    status: 503,
    temporary: true,
    next: "retry",
  },
  109: {
    name: "tokenExpired",
    message: "token expired",
    about: "The token has expired.",
    status: 401,
    temporary: false,
    next: "reconnect",
  },
  110: {
    name: "expired",
    message: "expired",
    about: "A connection or subscription has expired.",
    status: 400,
    temporary: false,
    next: "reconnect",
  },
  111: {
    name: "tooManyRequests",
    message: "too many requests",
    about: "More sends or calls than the rate allows, or the hot tier is full.",
    status: 429,
    temporary: true,
    next: "retry",
  },
  112: {
    name: "unrecoverablePosition",
    message: "unrecoverable position",
    about: "The position is of another life of the stream (another epoch).",
    status: 409,
    temporary: false,
    next: "fix",
  },
} as const satisfies Record<number, ErrorRow>;

interface ErrorRow {
  name: string;
  message: string;
  /** When it comes. */
  about: string;
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

/** When each close comes. */
export const closeMeanings: Record<CloseCode, string> = {
  3001: "The server is being stopped; another one, or the same a moment later, takes over.",
  3004: "Something went wrong in the server.",
  3005: "The token has expired and was not refreshed in time.",
  3008: "The client read too slowly: more than 1 MiB was waiting for it.",
  3010: "The connection was found behind its position, or a stream has a new epoch.",
  3012: "No pong came in 10 s.",
  3013: "Too much at once on this connection.",
  3500: "The token is not valid, or is another user's.",
  3501: "What came was not the protocol, or not a connect first.",
  3502: "No connect came in 15 s.",
  3503: "The user or session was revoked.",
  4009: "A frame above 1 MiB.",
  4501: "The user opened more connections than allowed; this was the oldest.",
};

/** True where SDKs connect again by themselves. */
export const reconnects = (code: number): boolean => code < 3500 || (code >= 4000 && code < 4500) || code >= 5000;

/** Any thrown value as a refusal: a `Refusal` is itself, the rest is 100 and stays out of the client's sight. */
export function asRefusal(thrown: unknown): Refusal {
  return thrown instanceof Refusal ? thrown : new Refusal(100);
}
