/** What a batch of messages adds to the usage: calls per day and source, and every id once with its earliest day. */
import { hash } from 'node:crypto';
import type { CountedMessage } from './usage.ts';
import { dayOf, monthOf } from './usage-period.ts';

/** `u`: a userId; `a`: an anonymousId; `l`: an anonymousId that came together with a userId. */
export type IdKind = 'u' | 'a' | 'l';

export interface SeenId {
  /** Equal for the same id of the same kind, source and month. */
  readonly key: string;
  /** `YYYY-MM-01`, as a period is named. */
  readonly month: string;
  readonly sourceId: string;
  readonly kind: IdKind;
  /** 16 bytes, a character for each. */
  readonly hash: string;
  /** `YYYY-MM-DD`. */
  readonly day: string;
}

/** The messages of one source on one day. */
interface Bucket {
  readonly day: string;
  readonly sourceId: string;
  calls: number;
  readonly users: Set<string>;
  readonly anonymous: Set<string>;
  readonly linked: Set<string>;
}

export function gatherUsage(messages: readonly CountedMessage[]): {
  readonly calls: readonly Pick<Bucket, 'day' | 'sourceId' | 'calls'>[];
  readonly ids: readonly SeenId[];
} {
  const buckets = bucketsOf(messages);
  const ids = new Map<string, SeenId>();
  for (const bucket of buckets) {
    for (const seen of idsOf(bucket)) if (!ids.has(seen.key)) ids.set(seen.key, seen);
  }
  return { calls: buckets, ids: [...ids.values()] };
}

/** In the order of days, so that the first place of an id is on its earliest. */
function bucketsOf(messages: readonly CountedMessage[]): readonly Bucket[] {
  const buckets = new Map<string, Bucket>();
  for (const { message, receivedAt, sourceId } of messages) {
    const name = `${Math.floor(receivedAt.getTime() / 86_400_000)} ${sourceId}`;
    let bucket = buckets.get(name);
    if (bucket === undefined) {
      bucket = {
        day: dayOf(receivedAt),
        sourceId,
        calls: 0,
        users: new Set(),
        anonymous: new Set(),
        linked: new Set(),
      };
      buckets.set(name, bucket);
    }
    bucket.calls += 1;
    const [user, anonymous] = [message.userId, message.anonymousId];
    if (isId(user)) bucket.users.add(user);
    if (isId(anonymous)) bucket.anonymous.add(anonymous);
    if (isId(user) && isId(anonymous)) bucket.linked.add(anonymous);
  }
  return [...buckets.values()].sort((one, other) => (one.day < other.day ? -1 : one.day > other.day ? 1 : 0));
}

/** Anything else is not an id: the Tracking API refuses it. */
function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function* idsOf({ day, sourceId, users, anonymous, linked }: Bucket): Iterable<SeenId> {
  const month = monthOf(day);
  const seen = (kind: IdKind, hashed: string): SeenId => ({
    key: `${month}${kind}${sourceId} ${hashed}`,
    month,
    sourceId,
    kind,
    hash: hashed,
    day,
  });
  for (const id of users) yield seen('u', hashOf(month, id));
  for (const id of anonymous) {
    const hashed = hashOf(month, id);
    yield seen('a', hashed);
    if (linked.has(id)) yield seen('l', hashed);
  }
}

/**
 * Counting needs to know whether an id is new, not which it is. So a dump or a backup of the usage does not tell who was
 * there: a person who was deleted is not found in it by their id, and nobody can be followed from month to month, because
 * the month is part of what is hashed. It is no secret, though: whoever has an id can ask whether it was there. With 128
 * bits, two ids of a month are mistaken for one with a chance below 1 in 10^18 at ten billion ids.
 */
function hashOf(month: string, id: string): string {
  return hash('sha256', `${month} ${id}`, 'binary').slice(0, 16);
}
