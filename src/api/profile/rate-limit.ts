/**
 * A token bucket for each space, or whatever else is counted: `perSecond` requests flow in every second and at most as
 * many are saved up. Zero switches it off. Each process counts for itself. Promised: buckets that nobody draws from are
 * forgotten, so that it holds about as many as are drawn from within a second.
 */
const manyBuckets = 10_000;

export class RateLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<number | string, { left: number; at: number }>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one request of a space; false when there is none left at `nowMs`. */
  take(whose: number | string, nowMs: number): boolean {
    if (this.#perSecond <= 0) return true;
    const bucket = this.#buckets.get(whose);
    if (bucket === undefined) {
      if (this.#buckets.size >= manyBuckets) this.#forgetFull(nowMs);
      this.#buckets.set(whose, { left: this.#perSecond - 1, at: nowMs });
      return true;
    }
    const passed = Math.max(0, nowMs - bucket.at);
    bucket.left = Math.min(this.#perSecond, bucket.left + (passed * this.#perSecond) / 1000);
    bucket.at = nowMs;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  /** A second fills any bucket, and a full one is as good as none. */
  #forgetFull(nowMs: number): void {
    for (const [whose, { at }] of this.#buckets) if (nowMs - at >= 1000) this.#buckets.delete(whose);
  }
}
