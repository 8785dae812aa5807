import type { Graph, ListKind, Place } from "#shared/graph/port.ts";
import { relations } from "#shared/hot/facts.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { Json } from "#shared/wire/json.ts";
import type { Caller } from "#shared/wire/ports.ts";
import { createRoom } from "#shared/wire/room.ts";
import { listKinds } from "#shared/wire/values.ts";

interface Asking {
  hot: Hot;
  graph: Graph;
}

/** Serves `relation.get`, from facts alone. */
export async function get({ hot }: Asking, { user: other }: { user: string }, { user }: Caller): Promise<object> {
  if (other === user) throw new Refusal(107, "user must be somebody else");
  const [relation] = await relations(hot, user, [other]);
  return { relation };
}

interface ListParams {
  kind: ListKind;
  cursor?: string | null;
  limit?: number;
}

const ENVELOPE_BYTES = 1_024;

/** Serves `relation.list`: the order is the graph's, what is shown of each comes from facts. */
export async function list({ hot, graph }: Asking, { kind, cursor, limit = 50 }: ListParams, { user }: Caller): Promise<object> {
  const from = cursor === undefined || cursor === null ? null : placeOf(cursor, kind);
  const places = await graph.list(user, kind, from, limit + 1);
  const page = places.slice(0, limit);
  const found = await relations(
    hot,
    user,
    page.map((place) => place.user),
  );
  const shown: string[] = [];
  const room = createRoom(ENVELOPE_BYTES);
  for (const relation of found) {
    const json = JSON.stringify(relation);
    if (!room.take(json)) break;
    shown.push(json);
  }
  const last = page[shown.length - 1];
  const next = last !== undefined && places.length > shown.length ? `"${cursorOf(kind, last)}"` : "null";
  return new Json(`{"relations":[${shown.join(",")}],"cursor":${next}}`);
}

/** A cursor is of one kind of list. */
const cursorOf = (kind: ListKind, { since, user }: Place): string =>
  Buffer.from(`${listKinds.indexOf(kind)} ${since} ${user}`).toString("base64url");

function placeOf(cursor: string, kind: ListKind): Place {
  const text = Buffer.from(cursor, "base64url").toString();
  const [, index, since, user] = /^(\d) (\d{1,15}) ([A-Za-z0-9][A-Za-z0-9._:@-]{0,63})$/.exec(text) ?? [];
  if (user === undefined || listKinds[Number(index)] !== kind || Buffer.from(text).toString("base64url") !== cursor)
    throw new Refusal(107, "cursor is not one that a page of this list gave");
  return { since: Number(since), user };
}

/** Friends in common that one answer names. */
const MOST_MUTUAL = 1_000;

/** Serves `relation.mutual`. */
export async function mutual({ graph }: Asking, { user: other }: { user: string }, { user }: Caller): Promise<object> {
  if (other === user) throw new Refusal(107, "user must be somebody else");
  return { users: await graph.mutual(user, other, MOST_MUTUAL) };
}

/** Serves `relation.suggest`. */
export async function suggest({ graph }: Asking, { limit = 50 }: { limit?: number }, { user }: Caller): Promise<object> {
  return { users: await graph.suggest(user, limit) };
}

/** Serves `relation.path`. */
export async function path({ graph }: Asking, { user: other, max = 6 }: { user: string; max?: number }, { user }: Caller): Promise<object> {
  return { users: await graph.path(user, other, max) };
}
