import exec from "k6/execution";
import http, { type RefinedResponse, type ResponseType } from "k6/http";
import { settings } from "./settings.ts";
import { tokenOf } from "./token.ts";

/** A method called by a user. */
export interface Call {
  user: string;
  method: string;
  params: object;
}

export interface Failure {
  code: number;
  message: string;
}

const limited = "the server answered 111, too many requests: start it with RATE_LIMITS=off, since a few users make all of the load";

/** What an error means, as a sentence; 111 ends the whole run, as nothing that follows it would be worth measuring. */
export function wordsOf(method: string, { code, message }: Failure): string {
  if (code === 111) exec.test.abort(limited);
  return `${method} answered ${code}, ${message}`;
}

const requestOf = ({ user, method, params }: Call) => ({
  url: `${settings.url}/v1/rpc/${method}`,
  body: JSON.stringify(params),
  params: { headers: { "Content-Type": "application/json", Authorization: `Bearer ${tokenOf(user)}` } },
});

function resultOf<T>({ method }: Call, { status, body, error }: RefinedResponse<ResponseType>): T {
  if (status === 0) throw new Error(`${settings.url} does not answer: ${error}`);
  const answer = JSON.parse(body as string) as { result?: T; error?: Failure };
  if (answer.error !== undefined) throw new Error(wordsOf(method, answer.error));
  return answer.result as T;
}

/** Calls a method over HTTP and waits for it: for `setup`, as nothing else in the VU goes on meanwhile. Throws on an error. */
export function call<T>(one: Call): T {
  const { url, body, params } = requestOf(one);
  return resultOf<T>(one, http.post(url, body, params));
}

/** Calls side by side; results in the order of the calls. Throws on the first error. */
export function callAll<T>(calls: readonly Call[]): T[] {
  const results: T[] = [];
  for (let i = 0; i < calls.length; i += 200) {
    const some = calls.slice(i, i + 200);
    const answers = http.batch(some.map((one) => ({ method: "POST", ...requestOf(one) })));
    for (const [n, one] of some.entries()) results.push(resultOf<T>(one, answers[n] as RefinedResponse<ResponseType>));
  }
  return results;
}

/** Calls a method over HTTP while the VU goes on. Rejects on an error. */
export async function callAside<T>(one: Call): Promise<T> {
  const { url, body, params } = requestOf(one);
  return resultOf<T>(one, await http.asyncRequest("POST", url, body, params));
}
