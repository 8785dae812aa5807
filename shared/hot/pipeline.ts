import type { ChainableCommander, Redis } from "ioredis";

/** Commands that one by one go where their keys are, and are answered together as those of a pipeline are. */
export function chained(redis: Redis): ChainableCommander {
  const answers: Promise<[Error | null, unknown]>[] = [];
  const commands = redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const chain: ChainableCommander = new Proxy({} as ChainableCommander, {
    get(_, name: string) {
      if (name === "length") return answers.length;
      if (name === "exec") return () => Promise.all(answers);
      return (...args: unknown[]) => {
        const answer = commands[name]?.(...args) ?? Promise.reject(new Error(`there is no command ${name}`));
        answers.push(
          answer.then(
            (value): [null, unknown] => [null, value],
            (thrown: unknown): [Error, null] => [thrown as Error, null],
          ),
        );
        return chain;
      };
    },
  });
  return chain;
}
