import { openDevice, type Login, type Sub } from "../lean/device.ts";
import { tokenOf } from "../lean/token.ts";
import type { Peer } from "../peer/start.ts";
import type { Chat } from "./chat.ts";
import { BODY, FIRST_ID, guarded, newChat } from "./chat-sides.ts";
import { newPair, noteAck, noteSeen, numberAfter, type Pair } from "./pair.ts";

/** A user who comes for the first time to these channels of the peer. One who comes back gives the positions of the last connect reply as `subs`. */
export const peerLogin = (user: string, channels: readonly string[]): Login => ({
  user,
  token: tokenOf(user),
  subs: Object.fromEntries(channels.map((channel) => [channel, {}])),
});

/**
 * Parameters of the peer's RPC `send`. The answer is `{"id","rpc":{"data":{"offset"}}}`; all devices of the channel, the sender's too, get the
 * parameters as they are: `{"push":{"channel","pub":{"data","offset"}}}`.
 */
export const peerMessage = (channel: string, n: number, body: string): string => `{"channel":"${channel}","n":${n},"body":"${body}"}`;

/**
 * The same pairs at the peer. Either each user has a channel of their own and a message goes into both, as with us; or both devices are on one channel
 * of the pair, which is half the work.
 */
export async function openPeerChat(peer: Peer, count: number, channels: "a user" | "a pair"): Promise<Chat> {
  const sends = new Map<Pair, (n: number) => void>();
  const chat = newChat(true, (pair, n) => sends.get(pair)?.(n));
  for (let i = 0; i < count; i++) {
    const [first, second] = channels === "a user" ? [`user:a${i}`, `user:b${i}`] : [`pair:${i}`, `pair:${i}`];
    const head = channels === "a user" ? `{"channel":"${first}","also":"${second}","n":` : `{"channel":"${first}","n":`;
    const pair = newPair(`a${i} and b${i}`, 0);
    const own = await openDevice(peer.target, peerLogin(`a${i}`, [first]), peerDevice(chat, pair, pair.own, head));
    await openDevice(peer.target, peerLogin(`b${i}`, [second]), peerDevice(chat, pair, pair.peer, head));
    // The offset 0 is not in the reply.
    const { offset: base = 0 } = own.reply.connect.subs[first] as Sub;
    if (base !== 0) throw new Error(`${first} is not empty: ${JSON.stringify(own.reply)}`);
    sends.set(pair, (n) => own.rpc(n + FIRST_ID, "send", `${head}${n},"body":"${BODY}"}`));
    chat.pairs.push(pair);
  }
  return chat;
}

function peerDevice(chat: Chat, pair: Pair, seen: Pair["own"], head: string) {
  const push = `"pub":{"data":${head}`;
  const line = guarded(chat, (text) => {
    if (text.startsWith('{"id"')) {
      noteAck(pair, numberAfter(text, '"id":') - FIRST_ID, numberAfter(text, '"offset":'), text);
      chat.on.ack(pair);
      return;
    }
    if (!text.includes(push) || !text.includes(BODY)) throw new Error(`${pair.name} got something else: ${text.slice(0, 500)}`);
    const offset = numberAfter(text, '"offset":', text.length - 40);
    noteSeen(pair, seen, numberAfter(text, '"n":'), offset, offset, text);
    chat.on.delivered(pair, seen === pair.peer ? "peer" : "own");
  });
  const closed = (code: number) => {
    chat.failure ??= new Error(`a device of ${pair.name} was closed with ${code}`);
  };
  return { line, closed };
}
