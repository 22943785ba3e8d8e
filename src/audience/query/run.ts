/** What compiled parts work with: closures over the profile, the moment, and the event that is looked at. */
import type { Span } from './moments.ts';
import type { Subject, SubjectEvent } from './query.ts';
import type { Value } from './values.ts';

/** One evaluation. */
export class Run {
  readonly subject: Subject;
  readonly now: number;
  /** The next moment at which something that was looked at changes by time alone; shared with the runs for people. */
  readonly changes: { at: number };

  constructor(subject: Subject, now: number, changes = { at: Number.POSITIVE_INFINITY }) {
    this.subject = subject;
    this.now = now;
    this.changes = changes;
  }

  /** The same moment for one of the people of an account. */
  of(subject: Subject): Run {
    return new Run(subject, this.now, this.changes);
  }

  /** Whether it holds now. When that changes is noted. */
  holds({ from, before }: Span): boolean {
    if (this.now >= before) return false;
    const next = this.now < from ? from : before;
    if (next < this.changes.at) this.changes.at = next;
    return this.now >= from;
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
