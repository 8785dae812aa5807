import type { Act } from "./rules.ts";

/** Relations as plain sets of "who whom", for tests: as simple as the words of the contract, and nothing of how it is done. */
export class SetModel {
  readonly follows: Set<string>;
  readonly friends: Set<string>;
  readonly asked: Set<string>;
  readonly blocks: Set<string>;
  readonly contacts: Map<string, string>;

  /** @param of another model, of which this becomes a copy */
  constructor(of?: SetModel) {
    this.follows = new Set(of?.follows);
    this.friends = new Set(of?.friends);
    this.asked = new Set(of?.asked);
    this.blocks = new Set(of?.blocks);
    this.contacts = new Map(of?.contacts);
  }

  /** What an act comes to. */
  act(by: string, to: string, act: Act, alias?: string): "changed" | "unchanged" | 103 | 107 {
    const mine = `${by} ${to}`;
    const theirs = `${to} ${by}`;
    if (["follow", "request", "accept", "add"].includes(act) && this.blocks.has(theirs)) return 103;
    switch (act) {
      case "follow":
        return added(this.follows, mine);
      case "unfollow":
        return removed(this.follows, mine);
      case "request":
        if (this.friends.has(mine) || this.asked.has(mine)) return "unchanged";
        if (this.asked.has(theirs)) return this.#befriend(mine, theirs);
        return added(this.asked, mine);
      case "accept":
        return this.asked.has(theirs) ? this.#befriend(mine, theirs) : 107;
      case "decline":
        return this.asked.delete(theirs) ? "changed" : 107;
      case "unfriend":
        this.friends.delete(theirs);
        return removed(this.friends, mine);
      case "add": {
        const known = this.contacts.get(mine);
        if (known !== undefined && (alias === undefined || alias === known)) return "unchanged";
        this.contacts.set(mine, alias ?? "");
        return "changed";
      }
      case "block":
        if (this.blocks.has(mine)) return "unchanged";
        this.follows.delete(theirs);
        this.asked.delete(mine);
        this.asked.delete(theirs);
        return added(this.blocks, mine);
      case "unblock":
        return removed(this.blocks, mine);
    }
  }

  #befriend(mine: string, theirs: string): "changed" {
    this.asked.delete(mine);
    this.asked.delete(theirs);
    this.friends.add(mine).add(theirs);
    return "changed";
  }

  /** What `user` is shown of the other. */
  view(user: string, other: string) {
    const mine = `${user} ${other}`;
    const theirs = `${other} ${user}`;
    return {
      following: this.follows.has(mine),
      followed: this.follows.has(theirs),
      friend: this.friends.has(mine),
      contact: this.contacts.has(mine),
      alias: this.contacts.get(mine) ?? "",
      request: this.asked.has(mine) ? "out" : this.asked.has(theirs) ? "in" : null,
      blocking: this.blocks.has(mine),
    };
  }
}

const added = (set: Set<string>, value: string): "changed" | "unchanged" => {
  if (set.has(value)) return "unchanged";
  set.add(value);
  return "changed";
};
const removed = (set: Set<string>, value: string): "changed" | "unchanged" => (set.delete(value) ? "changed" : "unchanged");
