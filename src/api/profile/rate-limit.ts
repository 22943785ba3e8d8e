/**
 * A token bucket for each space: `perSecond` requests flow in every second and at most as many are saved up. Zero
 * switches it off. Each process counts for itself.
 */
export class RateLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<number, { left: number; at: number }>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Takes one request of a space; false when there is none left at `nowMs`. */
  take(spaceNo: number, nowMs: number): boolean {
    if (this.#perSecond <= 0) return true;
    const bucket = this.#buckets.get(spaceNo);
    if (bucket === undefined) {
      this.#buckets.set(spaceNo, { left: this.#perSecond - 1, at: nowMs });
      return true;
    }
    const passed = Math.max(0, nowMs - bucket.at);
    bucket.left = Math.min(this.#perSecond, bucket.left + (passed * this.#perSecond) / 1000);
    bucket.at = nowMs;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }
}
