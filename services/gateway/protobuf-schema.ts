/**
 * Messages of the Centrifuge client protocol v2 in Protobuf, as far as they are used: field name → its number and kind. Names are those of the JSON
 * encoding, so that both encodings are the same objects.
 */

/** `json`: bytes that are JSON text. `count`: unsigned. A message; a list of one; a map from strings to one. */
export type Kind = "text" | "json" | "flag" | "count" | "number" | Message | { list: Message } | { map: Message };

export class Message {
  readonly fields: ReadonlyMap<string, { no: number; kind: Kind }>;
  readonly byNumber: ReadonlyMap<number, { name: string; kind: Kind }>;

  constructor(fields: Record<string, readonly [no: number, kind: Kind]>) {
    const all = Object.entries(fields);
    this.fields = new Map(all.map(([name, [no, kind]]) => [name, { no, kind }]));
    this.byNumber = new Map(all.map(([name, [no, kind]]) => [no, { name, kind }]));
  }
}

const Empty = new Message({});
const OneChannel = new Message({ channel: [1, "text"] });

const SubscribeRequest = new Message({ channel: [1, "text"], recover: [3, "flag"], epoch: [6, "text"], offset: [7, "count"] });
const ConnectRequest = new Message({ token: [1, "text"], data: [2, "json"], subs: [3, { map: SubscribeRequest }] });
const HistoryRequest = new Message({
  channel: [1, "text"],
  limit: [7, "number"],
  since: [8, new Message({ offset: [1, "count"], epoch: [2, "text"] })],
  reverse: [9, "flag"],
});

export const Command = new Message({
  id: [1, "count"],
  connect: [4, ConnectRequest],
  subscribe: [5, SubscribeRequest],
  unsubscribe: [6, OneChannel],
  publish: [7, OneChannel],
  presence: [8, OneChannel],
  presence_stats: [9, OneChannel],
  history: [10, HistoryRequest],
  ping: [11, Empty],
  send: [12, new Message({ data: [1, "json"] })],
  rpc: [13, new Message({ data: [1, "json"], method: [2, "text"] })],
  refresh: [14, new Message({ token: [1, "text"] })],
  sub_refresh: [15, Empty],
});

export const Publication = new Message({ data: [4, "json"], offset: [6, "count"] });
const SubscribeResult = new Message({
  recoverable: [3, "flag"],
  epoch: [6, "text"],
  publications: [7, { list: Publication }],
  recovered: [8, "flag"],
  offset: [9, "count"],
  positioned: [10, "flag"],
  data: [11, "json"],
  was_recovering: [12, "flag"],
});
const ConnectResult = new Message({
  client: [1, "text"],
  version: [2, "text"],
  expires: [3, "flag"],
  ttl: [4, "count"],
  data: [5, "json"],
  subs: [6, { map: SubscribeResult }],
  ping: [7, "count"],
  pong: [8, "flag"],
});
const RefreshResult = new Message({ client: [1, "text"], version: [2, "text"], expires: [3, "flag"], ttl: [4, "count"] });

const Push = new Message({
  channel: [2, "text"],
  pub: [4, Publication],
  unsubscribe: [7, new Message({ code: [2, "count"], reason: [3, "text"] })],
  subscribe: [
    9,
    new Message({ recoverable: [1, "flag"], epoch: [4, "text"], offset: [5, "count"], positioned: [6, "flag"], data: [7, "json"] }),
  ],
});

export const Reply = new Message({
  id: [1, "count"],
  error: [2, new Message({ code: [1, "count"], message: [2, "text"], temporary: [3, "flag"] })],
  push: [4, Push],
  connect: [5, ConnectResult],
  unsubscribe: [7, Empty],
  presence: [9, new Message({ presence: [1, { map: new Message({ user: [1, "text"], client: [2, "text"] }) }] })],
  presence_stats: [10, new Message({ num_clients: [1, "count"], num_users: [2, "count"] })],
  history: [11, new Message({ publications: [1, { list: Publication }], epoch: [2, "text"], offset: [3, "count"] })],
  ping: [12, Empty],
  rpc: [13, new Message({ data: [1, "json"] })],
  refresh: [14, RefreshResult],
});
