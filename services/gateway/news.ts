import type { Outlet } from "./ports.ts";

const NOTICE = '{"type":"notify"}';
/** At most one notice a connection in this time, ms. */
const PAUSE = 1_000;

/** Tells a client that pulls that something is there: at most once a second, and always once after the last change. */
export function newsTeller(outlet: Outlet): () => void {
  let last = 0;
  let waiting = false;
  const tell = (): void => {
    waiting = false;
    last = performance.now();
    outlet.publish(`live:${outlet.user}`, NOTICE);
  };
  return () => {
    if (waiting) return;
    const wait = last + PAUSE - performance.now();
    if (last === 0 || wait <= 0) {
      tell();
      return;
    }
    waiting = true;
    setTimeout(tell, wait).unref();
  };
}
