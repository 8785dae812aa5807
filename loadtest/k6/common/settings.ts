/** What a run is told from outside, by environment. A value that makes no sense stops the run with one sentence. */

function text(name: string, otherwise: string): string {
  const given = __ENV[name];
  return given === undefined || given === "" ? otherwise : given;
}

/** A whole number within its bounds: no run is without an end. */
export function number(name: string, otherwise: number, least: number, most: number): number {
  const value = Number(text(name, String(otherwise)));
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`${name} must be a whole number from ${least} to ${most}, not ${__ENV[name]}`);
  return value;
}

/** Load goes to this machine only: whoever gives another address by mistake must not bring a server down. */
function loopback(url: string): string {
  if (/^http:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?\/?$/.test(url)) return url.replace(/\/$/, "");
  throw new Error(`LOAD_URL must be an http address of this machine, such as http://127.0.0.1:8080, not ${url}`);
}

export const settings = {
  url: loopback(text("LOAD_URL", "http://127.0.0.1:8080")),
  /** Signs the tokens (HS256); empty: a server in development is asked for them. */
  secret: text("LOAD_SECRET", ""),
  /** Bytes of a message's text. */
  bytes: number("LOAD_BYTES", 200, 30, 16_000),
  /** Seconds that everything sent may take to be answered and delivered after the last send. */
  settle: number("LOAD_SETTLE", 30, 1, 300),
  /** `off`: no threshold on times, for runs that only look at correctness. */
  latency: text("LOAD_LATENCY", "on") !== "off",
} as const;

/** How big a run is. */
export interface Size {
  /** Sockets over all VUs; for clients without sockets, their number. */
  sockets: number;
  /** Actions a second over all VUs: messages, unless the scenario says otherwise. */
  rate: number;
  /** Seconds of traffic. */
  seconds: number;
  vus: number;
}

/** The size of a run: a scenario's own, or as the environment says. A VU takes one or two megabytes, so each carries many sockets. */
export function sizeOf(usual: Omit<Size, "vus"> & { socketsPerVu: number }): Size {
  const sockets = number("LOAD_SOCKETS", usual.sockets, 2, 20_000);
  return {
    sockets,
    rate: number("LOAD_RATE", usual.rate, 1, 100_000),
    seconds: number("LOAD_SECONDS", usual.seconds, 1, 3_600),
    vus: number("LOAD_VUS", Math.ceil(sockets / usual.socketsPerVu), 1, Math.min(200, Math.floor(sockets / 2))),
  };
}

/** Splits the sockets among the VUs; how many the n-th (from 1) has. */
export const shareOf = ({ sockets, vus }: Size, vu: number): number => Math.floor(sockets / vus) + (vu <= sockets % vus ? 1 : 0);
