/** What compiled parts work with: closures over the profile, the moment, and the event that is looked at. */
import type { Span } from './moments.ts';
import type { Subject, SubjectEvent } from './query.ts';
import type { Value } from './values.ts';

/**
 * One profile is too much for a query: it compares events with events, or lists with lists, too many times. Whoever
 * evaluates goes on with what the profile holds.
 */
export class TooMuch extends Error {}

/** Comparisons in one evaluation that are more than one for each event: about a second. */
const mostComparisons = 5_000_000;
/** So many more for each of the people of an account. */
const mostOfPerson = 500;

/** What an evaluation keeps count of; shared with the runs for people. */
interface Counts {
  /** The next moment at which something that was looked at changes by time alone. */
  changesAt: number;
  comparisonsLeft: number;
}

/** One evaluation. */
export class Run {
  readonly subject: Subject;
  readonly now: number;
  private readonly counts: Counts;

  constructor(subject: Subject, now: number, counts: Counts = newCounts()) {
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
    this.counts.comparisonsLeft += mostOfPerson;
    return new Run(subject, this.now, this.counts);
  }

  /** Whether it holds now. When that changes is noted. */
  holds({ from, before }: Span): boolean {
    if (this.now >= before) return false;
    const next = this.now < from ? from : before;
    if (next < this.counts.changesAt) this.counts.changesAt = next;
    return this.now >= from;
  }

  /** Of events with events, of lists with lists. Error: `TooMuch`. */
  compares(times: number): void {
    this.counts.comparisonsLeft -= times;
    if (this.counts.comparisonsLeft < 0) throw new TooMuch();
  }
}

function newCounts(): Counts {
  return { changesAt: Number.POSITIVE_INFINITY, comparisonsLeft: mostComparisons };
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
