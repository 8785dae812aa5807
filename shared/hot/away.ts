import type { Redis } from "ioredis";
import { Refusal } from "#shared/wire/errors.ts";

const awayWords = [
  "Connection is closed",
  "Command timed out",
  "ECONNRE",
  "ETIMEDOUT",
  "EPIPE",
  "LOADING",
  "Stream isn't writeable",
  "Command aborted",
  "READONLY",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "MASTERDOWN",
  "Too many Cluster redirections",
  "None of startup nodes is available",
  "Cluster is ended",
];

/** True if the message says that Redis could not be reached, so that the call may be repeated. */
const isAway = (message: string): boolean => awayWords.some((word) => message.includes(word));

/** Ends a connection, however often it is said: ioredis holds the process for two seconds where it is told so of one that has ended. */
export function disconnect(redis: Redis): void {
  if (redis.status !== "end") redis.disconnect();
}

/**
 * Makes the commands of a connection reject with 108 where Redis could not be reached. Those of a pipeline keep their errors in its rows, and
 * ioredis takes no answer from what it sends again itself.
 */
export function refuseWhileAway(redis: Redis): void {
  const send = redis.sendCommand.bind(redis);
  const sent = new WeakSet<object>();
  redis.sendCommand = (command, stream, ...more) => {
    const answer = send(command, stream, ...more);
    if (stream !== undefined || !(answer instanceof Promise) || sent.has(command)) return answer;
    sent.add(command);
    return answer.catch((thrown: unknown) => {
      throw thrown instanceof Error && isAway(thrown.message) ? new Refusal(108, "the hot tier is away") : thrown;
    });
  };
}
