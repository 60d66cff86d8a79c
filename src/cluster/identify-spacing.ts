/** How far apart the IDENTIFYs of a bucket are kept, beyond Discord's interval, by every `IdentifySlots`. */

/**
 * Between two places in a bucket's line. Discord counts at its end: an IDENTIFY that was slow on its way may be followed by
 * one that was not.
 */
export const PLACE_MARGIN_MS = 70;

/**
 * What `take` insists on since the last use. Less than between two places, so that a timer that was a little late for one place
 * does not move those behind it.
 */
export const TAKE_MARGIN_MS = 55;
