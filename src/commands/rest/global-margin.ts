/** By how much the way to Discord may take longer for one request than for another; see `GlobalPlaces`. */
export const GLOBAL_MARGIN_MS = 50;
