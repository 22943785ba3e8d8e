/**
 * The language of audiences and computed traits (`public-api.md` section 5, `activation.md` section 3). In: a query and
 * what it is for. Out: a compiled query, or every fault with its place. Promised: pure; what is returned for a profile
 * depends on the profile and the time alone, and says when time alone can change it.
 */
import type { Json, JsonObject } from '../../base/json.ts';

/** What a query is computed for: each person, or each account. */
export type Entity = 'USERS' | 'ACCOUNTS';

/** An audience needs a condition, a computed trait a value. */
export type ComputationKind = 'audience' | 'computed_trait';

/** Messages decide at once and time to the moment, or everything is computed every few hours. */
export type Cadence = 'REALTIME' | 'BATCH';

export interface QueryFault {
  /** What is wrong and what to do. */
  readonly message: string;
  /** Of the first character at fault, from 1. */
  readonly line: number;
  readonly column: number;
}

/** Something a profile did, as far as queries look at it. */
export interface SubjectEvent {
  readonly messageId: string;
  /** Its own time, ms since 1970. */
  readonly at: number;
  readonly sourceId: string;
  /** Of the message what queries read (`EventReads`). Undefined when none reads any of it. */
  readonly message: JsonObject | undefined;
  /** Of an event of an account: the traits of who did it. */
  readonly actor?: ReadonlyMap<string, Json> | undefined;
}

/** What is read of a message, beside its type and name: members of its properties, and of its context. */
export interface EventReads {
  readonly properties: ReadonlySet<string>;
  readonly context: ReadonlySet<string>;
}

/** A profile as queries see it. */
export interface Subject {
  /** Own and computed ones, memberships too; of a person also whether an account is in an audience of accounts. */
  readonly traits: ReadonlyMap<string, Json>;
  /** By time, then message id; each message once. Of an account: of all its users. */
  events(name: string): readonly SubjectEvent[];
  /** Of an account: the people linked to it. */
  readonly users: readonly Subject[];
}

export interface Evaluated {
  /** Undefined: no value. Of an audience always a boolean. */
  readonly value: Json | undefined;
  /** When time alone can change the value, ms since 1970, later than `now`; null: never. */
  readonly changesAt: number | null;
}

export interface CompiledQuery {
  readonly cadence: Cadence;
  /** Names of the events it looks at → what it reads of them. */
  readonly events: ReadonlyMap<string, EventReads>;
  /** Keys of the traits it looks at: of `address.city` the key `address`. */
  readonly traits: ReadonlySet<string>;
  /** Of a query about accounts: keys of the traits it looks at in their people. */
  readonly personTraits: ReadonlySet<string>;
  /** Whether any of it looks at events. */
  readonly needsEvents: boolean;
  /** The longest look-back window of events, ms; null when there is none. */
  readonly longestWindowMs: number | null;
  /**
   * What a computed trait becomes on a profile that had a value when nothing matches any more: `0` of counts and sums,
   * `[]` of lists, undefined (no value) of the others.
   */
  readonly emptied: 0 | readonly [] | undefined;
  /**
   * Of a computed trait without anything that matches: value undefined. Error: `TooMuch`, when events are
   * compared with events, or lists with lists, too many times.
   */
  evaluate(subject: Subject, now: number): Evaluated;
}

/** What a query is for. */
export interface QueryUse {
  readonly kind: ComputationKind;
  readonly entity: Entity;
}

export type Compiled =
  | { readonly kind: 'compiled'; readonly query: CompiledQuery }
  | { readonly kind: 'faulty'; readonly faults: readonly QueryFault[] };
