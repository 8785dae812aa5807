import type { Rank } from "../mixer-merge.ts";

/** A message that is none of the reader's own, before anything is known of it but its place. Its key is its id. */
export interface Offer extends Rank {
  /** What its item says of where it comes from. */
  source: "recommended";
}

/** Which messages may stand on a page beside one's own. */
export interface Asked {
  user: string;
  /** Message id that they are not above; '' for none: the place where the page begins. */
  from: string;
  /** How many of them can be on the page at most. */
  most: number;
}

/**
 * A stage of the mixer beside inbox and mailboxes: messages of others, mixed into a reader's own. A further one is a file of its own, named where
 * the timeline is put together.
 */
export interface Source {
  /** True if the reader asked for it. */
  wanted(params: { recommended?: boolean }): boolean;
  /**
   * The newest messages that it has for the user, newest first. None that the user's own timeline holds, and the same again whenever it is asked,
   * but for new ones: that is what keeps a walk from giving one twice. Gives none where what it works with is away.
   */
  offer(asked: Asked): Promise<Offer[]>;
}
