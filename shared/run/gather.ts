import { atTurnEnd } from "./turn.ts";

interface Waiting<Arg, Result> {
  arg: Arg;
  resolve: (result: Result) => void;
  reject: (thrown: unknown) => void;
}

/**
 * Makes calls of one into calls of many, in their order: what comes in one turn of the event loop, or while a call is under way, goes into the next one.
 * A call that fails fails for all that are in it and wait behind it: where it waited for a store in vain, so did they.
 * @param run gives a result for each of the arguments, in their order
 * @param most arguments of one call
 */
export function gathered<Arg, Result>(run: (args: Arg[]) => Promise<Result[]>, most: number): (arg: Arg) => Promise<Result> {
  let queue: Waiting<Arg, Result>[] = [];
  let working = false;

  async function work(): Promise<void> {
    while (queue.length > 0) {
      const some = queue.slice(0, most);
      queue = queue.slice(most);
      try {
        const results = await run(some.map(({ arg }) => arg));
        for (const [i, { resolve }] of some.entries()) resolve(results[i] as Result);
      } catch (thrown) {
        const behind = queue;
        queue = [];
        for (const { reject } of [...some, ...behind]) reject(thrown);
      }
    }
    working = false;
  }

  return (arg) =>
    new Promise((resolve, reject) => {
      queue.push({ arg, resolve, reject });
      if (working) return;
      working = true;
      atTurnEnd(() => void work());
    });
}
