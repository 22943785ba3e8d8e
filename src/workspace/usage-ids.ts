/** What a batch of messages adds to the usage: calls per minute and source, and every id once, with its earliest day. */
import { hash } from 'node:crypto';
import { normalizeValue } from '../space/space.ts';
import type { CountedMessage } from './usage.ts';
import { dayOf, monthOf } from './usage-period.ts';

/** `u`: a userId; `a`: an anonymousId. */
export type IdKind = 'u' | 'a';

export interface MinuteCalls {
  /** Its first moment. */
  readonly minute: Date;
  /** The day it lies in: `YYYY-MM-DD`. */
  readonly day: string;
  readonly sourceId: string;
  calls: number;
}

/** The ids that a source brought in a month, in clear, each with the earliest day. */
export interface SeenIds {
  /** `YYYY-MM-01`, as a period is named. */
  readonly month: string;
  readonly sourceId: string;
  readonly users: Map<string, string>;
  readonly anonymous: Map<string, string>;
  /** Those anonymousIds that came together with a userId, with the day of that. */
  readonly linked: Map<string, string>;
}

interface Bucket {
  readonly calls: MinuteCalls;
  /** Shared by the minutes of a month. */
  readonly ids: SeenIds;
}

const minuteMs = 60_000;

export function gatherUsage(messages: readonly CountedMessage[]): {
  readonly calls: readonly MinuteCalls[];
  readonly seen: readonly SeenIds[];
} {
  const buckets = new Map<string, Bucket>();
  const seen = new Map<string, SeenIds>();
  const idsOf = (month: string, sourceId: string): SeenIds => {
    const name = `${month} ${sourceId}`;
    const ids = seen.get(name) ?? { month, sourceId, users: new Map(), anonymous: new Map(), linked: new Map() };
    seen.set(name, ids);
    return ids;
  };
  for (const { message, receivedAt, sourceId } of messages) {
    const minute = Math.floor(receivedAt.getTime() / minuteMs);
    const name = `${minute} ${sourceId}`;
    let bucket = buckets.get(name);
    if (bucket === undefined) {
      const day = dayOf(receivedAt);
      const start = new Date(minute * minuteMs);
      bucket = { calls: { minute: start, day, sourceId, calls: 0 }, ids: idsOf(monthOf(day), sourceId) };
      buckets.set(name, bucket);
    }
    add(bucket, message.userId, message.anonymousId);
  }
  return { calls: [...buckets.values()].map(({ calls }) => calls), seen: [...seen.values()] };
}

/** Ids are told apart as spaces tell them apart: without blanks around them. */
function add({ calls, ids }: Bucket, userId: unknown, anonymousId: unknown): void {
  calls.calls += 1;
  const user = typeof userId === 'string' ? normalizeValue('user_id', userId) : null;
  const anonymous = typeof anonymousId === 'string' ? normalizeValue('anonymous_id', anonymousId) : null;
  if (user !== null) note(ids.users, user, calls.day);
  if (anonymous === null) return;
  note(ids.anonymous, anonymous, calls.day);
  if (user !== null) note(ids.linked, anonymous, calls.day);
}

function note(days: Map<string, string>, id: string, day: string): void {
  const known = days.get(id);
  if (known === undefined || known > day) days.set(id, day);
}

/**
 * Counting needs to know whether an id is new, not which it is. So a dump or a backup of the usage does not tell who was
 * there: a person who was deleted is not found in it by their id, and nobody can be followed from month to month, because
 * the month is part of what is hashed. It is no secret, though: whoever has an id can ask whether it was there. With 128
 * bits, the chance that any two of ten billion ids of a month are taken for one is below 1 in 10^18.
 */
export function hashId(month: string, id: string): string {
  // Postgres takes the hexadecimal form as a `uuid`.
  return hash('sha256', `${month} ${id}`, 'hex').slice(0, 32);
}
