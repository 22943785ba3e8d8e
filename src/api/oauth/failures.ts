/**
 * How often requests of each sender were refused of late. Promised: after `most` refusals within a minute the sender is
 * told to wait until that minute is over; what is remembered is bounded, and past it the sender who began first is
 * forgotten. Each process counts for itself.
 */
const windowMs = 60_000;
const usualMost = 30;
const usualSenders = 10_000;

export class Failures {
  readonly #most: number;
  readonly #senders: number;
  readonly #counts = new Map<string, { count: number; readonly since: number }>();

  constructor(most = usualMost, senders = usualSenders) {
    this.#most = most;
    this.#senders = senders;
  }

  get size(): number {
    return this.#counts.size;
  }

  /** Seconds to wait; 0 when the sender may go on. */
  wait(sender: string, nowMs: number): number {
    const known = this.#counts.get(sender);
    if (known === undefined || known.count < this.#most || isOver(known.since, nowMs)) return 0;
    return Math.max(1, Math.ceil((known.since + windowMs - nowMs) / 1000));
  }

  note(sender: string, nowMs: number): void {
    const known = this.#counts.get(sender);
    if (known !== undefined && !isOver(known.since, nowMs)) {
      known.count += 1;
      return;
    }
    this.#counts.delete(sender);
    if (this.#counts.size >= this.#senders) {
      for (const first of this.#counts.keys()) {
        this.#counts.delete(first);
        break;
      }
    }
    this.#counts.set(sender, { count: 1, since: nowMs });
  }
}

/** A clock that was set back ends it too. */
function isOver(since: number, nowMs: number): boolean {
  return nowMs < since || nowMs - since >= windowMs;
}
