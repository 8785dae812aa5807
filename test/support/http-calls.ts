/** Calls over HTTP with tokens of a development server. */
export interface HttpCalls {
  /** A token of the development server. */
  token: (user: string) => Promise<string>;
  /** An RPC over HTTP: the result, or throws with the error object as `cause`. */
  call: <T>(user: string, method: string, params: object) => Promise<T>;
}

/**
 * @param http address of the gateway, as it is at the time of a call
 * @param issue gives a user's token; if left out, the development server is asked
 */
export function createHttpCalls(http: () => string, issue?: (user: string) => string): HttpCalls {
  const tokens = new Map<string, string>();

  async function post(path: string, body: object, bearer?: string): Promise<unknown> {
    const response = await fetch(http() + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }) },
      body: JSON.stringify(body),
    });
    return response.json();
  }

  async function token(user: string): Promise<string> {
    const known = tokens.get(user);
    if (known !== undefined) return known;
    const fresh = issue === undefined ? ((await post("/v1/dev/token", { user })) as { token: string }).token : issue(user);
    tokens.set(user, fresh);
    return fresh;
  }

  return {
    token,
    async call<T>(user: string, method: string, params: object): Promise<T> {
      const answer = (await post(`/v1/rpc/${method}`, params, await token(user))) as {
        result?: T;
        error?: { code: number; message: string };
      };
      if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.code} ${answer.error.message}`, { cause: answer.error });
      return answer.result as T;
    },
  };
}
