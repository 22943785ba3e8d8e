/** What compiled parts work with: closures over the profile, the moment, and the event that is looked at. */
import type { Span } from './moments.ts';
import type { Subject, SubjectEvent } from './query.ts';
import type { Value } from './values.ts';

/**
 * Events that are looked for from others were too many to be looked at for one profile. Whoever evaluates goes on with
 * what the profile holds.
 */
export class TooManyPairs extends Error {}

/** Pairs of events that one evaluation looks at: less than a second. */
const mostPairs = 10_000_000;

/** What an evaluation keeps count of; shared with the runs for people. */
interface Counts {
  /** The next moment at which something that was looked at changes by time alone. */
  changesAt: number;
  pairs: number;
}

/** One evaluation. */
export class Run {
  readonly subject: Subject;
  readonly now: number;
  private readonly counts: Counts;

  constructor(subject: Subject, now: number, counts: Counts = { changesAt: Number.POSITIVE_INFINITY, pairs: 0 }) {
    this.subject = subject;
    this.now = now;
    this.counts = counts;
  }

  /** When time alone can change what was found; null: never. */
  get changesAt(): number | null {
    const { changesAt } = this.counts;
    return Number.isFinite(changesAt) ? changesAt : null;
  }

  /** The same moment for one of the people of an account. */
  of(subject: Subject): Run {
    return new Run(subject, this.now, this.counts);
  }

  /** Whether it holds now. When that changes is noted. */
  holds({ from, before }: Span): boolean {
    if (this.now >= before) return false;
    const next = this.now < from ? from : before;
    if (next < this.counts.changesAt) this.counts.changesAt = next;
    return this.now >= from;
  }

  /** Counts the events that are looked at from one. Error: `TooManyPairs`. */
  looksAt(events: number): void {
    this.counts.pairs += events;
    if (this.counts.pairs > mostPairs) throw new TooManyPairs();
  }
}

/** The event that is looked at, and the one around it. Null where there is none. */
export type Item = SubjectEvent | null;

export type Condition = (run: Run, item: Item, parent: Item) => boolean;

export interface Scalar {
  readonly read: (run: Run, item: Item, parent: Item) => Value;
  /** It reads a list of values, of which each is compared. */
  readonly isMany: boolean;
  /** A property of an event, or its context: what a reducer takes. */
  readonly isProperty: boolean;
  /** Fixed by the query. */
  readonly isConstant: boolean;
}

export interface Stream {
  /** By time, then message id. */
  readonly items: (run: Run, item: Item, parent: Item) => readonly SubjectEvent[];
}
