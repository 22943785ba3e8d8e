/**
 * The order of messages that arrived in the same millisecond, as all rows of a batch of a sync do. Two profiles that such
 * messages wrote to may become one later; then it decides whose value stands.
 */

let moment = Number.NaN;
let next = 0;

/** How many messages this process prepared before in this moment, when the last one was of it too; else 0. */
export function placeIn(receivedAt: number): number {
  if (receivedAt !== moment) {
    moment = receivedAt;
    next = 0;
  }
  return next++;
}
