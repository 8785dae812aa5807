import type { Relation } from "#shared/wire/values.ts";
import type { Device } from "./sdk-device.ts";
import { until } from "./until.ts";

/** What there is to nobody. */
export const nothing = { following: false, followed: false, friend: false, contact: false, request: null, blocking: false, feed: null };

/** `relation.<act>` toward a user, by a device; what it answers. */
export async function relate(device: Device, act: string, user: string, more: object = {}): Promise<Relation> {
  return (await device.rpc<{ relation: Relation }>(`relation.${act}`, { user, ...more })).relation;
}

/** What a device was told of its user's relation to another, by arrival. */
export const toldOf = (device: Device, user: string): Relation[] =>
  device.events
    .filter(({ channel, data }) => channel === `inbox:${device.user}` && data["type"] === "relation")
    .map(({ data }) => data["relation"] as Relation)
    .filter((relation) => relation.user === user);

/** Waits until a device was told so many times of its user's relation to another, and gives the last. */
export async function told(device: Device, user: string, times: number): Promise<Relation | undefined> {
  const heard = () => toldOf(device, user);
  await until(
    () => heard().length >= times,
    10_000,
    () => `${device.user} was told ${heard().length} times of ${user}, wanted ${times}`,
  );
  return heard()[times - 1];
}
