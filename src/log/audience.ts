/** Whom the records of a log are for: nearly all for every reader, a few for one worker session alone, which has a tag. Pure. */

/** Reads what is for anybody: the tail. */
export const EVERYTHING = Symbol('everything');

/** Who reads: a worker session by its tag; one that has none gets only what is for all. */
export type Reader = string | typeof EVERYTHING | undefined;

/** A record that is for one reader. */
export type Addressed = readonly [sequence: number, audience: string];
