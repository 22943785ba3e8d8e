/**
 * How many requests there may be in a minute, by token, sender and endpoint. Promised: a refused request says when to come
 * again; memory is bounded: of too many windows, the one that ends first is forgotten.
 */
import type { Clock } from '../../base/clock.ts';
import { type PublicRefusal, tooManyRequests } from './errors.ts';
import type { PublicRoute } from './route.ts';

export interface PublicRates {
  /** Of any endpoint; 0: no limit. */
  readonly perMinute: number;
  /** Whether the smaller figures hold that the vendor publishes for some endpoints. */
  readonly asVendor: boolean;
}

interface Window {
  readonly endsAt: number;
  used: number;
}

const windowMs = 60_000;
const maxWindows = 20_000;

export class RateLimits {
  readonly #rates: PublicRates;
  readonly #clock: Clock;
  /** In the order in which they end. */
  readonly #windows = new Map<string, Window>();

  constructor(rates: PublicRates, clock: Clock) {
    this.#rates = rates;
    this.#clock = clock;
  }

  get size(): number {
    return this.#windows.size;
  }

  /** The headers of the answer, or that there were too many. */
  use(
    route: Pick<PublicRoute, 'method' | 'url' | 'perMinute'>,
    tokenId: string,
    sender: string,
  ): Readonly<Record<string, string>> | PublicRefusal {
    const limit = this.#limitOf(route);
    if (limit === 0) return {};
    const now = this.#clock.now().getTime();
    const window = this.#window(`${tokenId} ${sender} ${route.method} ${route.url}`, now);
    window.used++;
    if (window.used > limit) return tooManyRequests(window.used, window.endsAt - now);
    return {
      'X-RateLimit-Consumed': String(window.used),
      'X-RateLimit-Remaining': String(limit - window.used),
      'X-RateLimit-Reset': new Date(window.endsAt).toUTCString(),
    };
  }

  #limitOf({ perMinute: ofRoute }: Pick<PublicRoute, 'perMinute'>): number {
    const { perMinute, asVendor } = this.#rates;
    if (!asVendor || ofRoute === undefined) return perMinute;
    return perMinute === 0 ? ofRoute : Math.min(perMinute, ofRoute);
  }

  #window(key: string, now: number): Window {
    const known = this.#windows.get(key);
    // A clock that was set back must not make a window last for hours.
    if (known !== undefined && now < known.endsAt && known.endsAt - now <= windowMs) return known;
    this.#windows.delete(key);
    for (const [oldest, { endsAt }] of this.#windows) {
      if (endsAt > now && this.#windows.size < maxWindows) break;
      this.#windows.delete(oldest);
    }
    const fresh = { endsAt: now + windowMs, used: 0 };
    this.#windows.set(key, fresh);
    return fresh;
  }
}
