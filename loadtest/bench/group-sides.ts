import type { LoadServer } from "../lean/server.ts";
import { openDevice, type Login } from "../lean/device.ts";
import { openSocket, type Target } from "../lean/socket.ts";
import type { Peer } from "../peer/start.ts";
import { peerLogin, peerMessage } from "./chat-peer.ts";
import { BODY } from "./chat-sides.ts";
import { groupReader, newGroup, type Follower, type Group } from "./group.ts";

const nameOf = (index: number): string => `g${index}`;

/** How a device of a server sends a line. */
type Say = (rpcId: number, n: number) => void;

/** Opens the members' devices one by one; the first `senders` of them speak. */
async function fill(
  group: Group,
  members: number,
  senders: number,
  open: (index: number, follower: Follower) => Promise<Say>,
): Promise<Group> {
  for (let index = 0; index < members; index++) {
    const follower: Follower = { last: 0, acks: 0 };
    const say = await open(index, follower);
    group.followers.push(follower);
    let n = 0;
    if (index < senders) group.say.push(() => say(10 + n++, n));
  }
  return group;
}

/** Devices of the client protocol, whose frames are read by the group's reader. */
async function openDevices(group: Group, target: Target, login: Login, take: (frame: Buffer) => void) {
  const closed = (code: number): void => {
    group.failure ??= new Error(`a device of ${login.user} was closed with ${code}`);
  };
  return openDevice(target, login, { line: () => {}, closed, frame: take });
}

/** A group whose members all are online. */
export async function openTributaryGroup(server: LoadServer, members: number, senders: number): Promise<Group> {
  const users = Array.from({ length: members }, (_, index) => nameOf(index));
  const { conversation } = await server.call<{ conversation: { id: string } }>(nameOf(0), "conversation.create", {
    kind: "group",
    title: "all",
    members: users.slice(1),
  });
  await server.caughtUp();
  const group = newGroup();
  const read = groupReader(group, '"seq":');
  const head = `{"conversationId":"${conversation.id}","clientMsgId":"n`;
  const tail = `","kind":"text","body":{"text":"${BODY}"}}`;
  return fill(group, members, senders, async (index, follower) => {
    const login = { user: nameOf(index), token: await server.token(nameOf(index)) };
    const device = await openDevices(group, server.target, login, (frame) => read(follower, index, frame));
    return (id, n) => device.rpc(id, "message.send", head + n + tail);
  });
}

/** All members on one channel of the peer. */
export async function openPeerGroup(peer: Peer, members: number, senders: number): Promise<Group> {
  const group = newGroup();
  const read = groupReader(group, '"offset":');
  const channel = "group:all";
  return fill(group, members, senders, async (index, follower) => {
    const login = peerLogin(nameOf(index), [channel]);
    const device = await openDevices(group, peer.target, login, (frame) => read(follower, index, frame));
    return (id, n) => device.rpc(id, "send", peerMessage(channel, n, BODY));
  });
}

/** All members at a bare server. */
export async function openReferenceGroup(port: number, members: number, senders: number): Promise<Group> {
  const group = newGroup();
  const read = groupReader(group, '"seq":');
  return fill(group, members, senders, async (index, follower) => {
    const close = (code: number): void => {
      group.failure ??= new Error(`${nameOf(index)} was closed with ${code}`);
    };
    const target = { host: "127.0.0.1", port, path: `/${nameOf(index)}` };
    const socket = await openSocket(target, { text: (frame) => read(follower, index, frame), close });
    return (_, n) => socket.send(`{"group":"all","n":${n},"body":"${BODY}"}`);
  });
}
