import { onStack } from "#test/support/stack.ts";

const asked = process.env["PROPERTY_RUNS"];
const USUAL = 60;

/** Runs of each property; PROPERTY_RUNS asks for more, for a hunt. On the full stack each takes many times as long, and a few are made. */
export const RUNS = Number(asked ?? (onStack ? USUAL / 5 : USUAL));
/** True on a hunt. */
export const HUNT = asked !== undefined;
/** How much of the usual is done: of rounds, and of the time for them. */
export const SCALE = HUNT ? Math.max(1, RUNS / USUAL) : RUNS / USUAL;
/** For the time a whole test may take, with its servers. */
export const PATIENCE_SCALE = Math.max(1, SCALE);
