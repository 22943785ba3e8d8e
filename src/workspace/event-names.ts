/**
 * By which type and name of its event a message is counted. In: messages that are counted. Out: for each source and
 * minute a number for every type and name. Promised: the numbers add up to the messages; names can be stored, are cut to
 * a length, and are few: of a source only so many names of tracks are told apart in an hour by this process, whichever
 * came first; the rest are counted under one name. Names come from senders and may hold anything: they are not logged.
 */
import type { Json, JsonObject } from '../base/json.ts';
import { eventName } from '../space/space.ts';
import type { CountedMessage } from './usage.ts';

/** Nothing is known of a part of it: ''. */
export interface CountedEvent {
  readonly type: string;
  readonly name: string;
}

export interface MinuteEvents extends CountedEvent {
  /** Its first moment. */
  readonly minute: Date;
  readonly sourceId: string;
  readonly messages: number;
}

/** Stands for the names that are not told apart. */
export const otherNames = '(other names)';
/** Of a source in an hour, and in a day once it is over. */
export const mostNames = 500;
const longestName = 200;
export const eventTypes: readonly Json[] = ['alias', 'group', 'identify', 'page', 'screen', 'track'];
const namedTypes = ['page', 'screen', 'track'];

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Whatever it is: what is discarded may be no message. */
export function countedEvent(message: JsonObject): CountedEvent {
  const type = eventTypes.includes(message.type as Json) ? (message.type as string) : '';
  return { type, name: namedTypes.includes(type) ? cut(eventName(message)) : '' };
}

/** The name of a track as it is counted: questions ask for it in the same form. */
export function countedName(event: string): string {
  return cut(eventName({ type: 'track', event }));
}

function cut(name: string): string {
  return name.length <= longestName ? name : [...name.slice(0, 2 * longestName)].slice(0, longestName).join('');
}

export interface NameLimit {
  /** The name; of a track, the one of the rest when there are enough of them in this hour. */
  admit(sourceId: string, at: Date, event: CountedEvent): string;
}

/** Hours of a source that are remembered: messages of two come together around its change. */
const hoursAtOnce = 2;

/** @param most names of a source in an hour */
export function createNameLimit(most: number = mostNames): NameLimit {
  const sources = new Map<string, Map<number, Set<string>>>();
  const namesOf = (sourceId: string, hour: number): Set<string> => {
    const hours = sources.get(sourceId) ?? new Map<number, Set<string>>();
    const names = hours.get(hour) ?? new Set<string>();
    if (hours.size === 0) sources.set(sourceId, hours);
    if (!hours.has(hour)) {
      if (hours.size === hoursAtOnce) hours.delete(Math.min(...hours.keys()));
      hours.set(hour, names);
    }
    return names;
  };
  return {
    admit(sourceId, at, { type, name }) {
      // Others have no names of their own.
      if (type !== 'track' || name === '') return name;
      const names = namesOf(sourceId, Math.floor(at.getTime() / hourMs));
      if (names.has(name)) return name;
      if (names.size >= most) return otherNames;
      names.add(name);
      return name;
    },
  };
}

/** The messages of a source in a minute: tracks by their event as it was sent, the others by their type. */
interface Bucket {
  readonly minute: number;
  readonly sourceId: string;
  readonly tracks: Map<Json | undefined, number>;
  readonly others: Map<Json | undefined, number>;
}

/** For each message it takes a look-up or two; names are looked at once for each minute. */
export function gatherEvents(messages: Iterable<CountedMessage>, limit: NameLimit): readonly MinuteEvents[] {
  const buckets = new Map<string, Bucket>();
  let bucket: Bucket | undefined;
  for (const { message, receivedAt, sourceId } of messages) {
    const minute = Math.floor(receivedAt.getTime() / minuteMs);
    if (bucket?.minute !== minute || bucket.sourceId !== sourceId) {
      const key = `${minute} ${sourceId}`;
      bucket = buckets.get(key) ?? { minute, sourceId, tracks: new Map(), others: new Map() };
      buckets.set(key, bucket);
    }
    const { type, event } = message;
    if (type === 'track') bucket.tracks.set(event, (bucket.tracks.get(event) ?? 0) + 1);
    else bucket.others.set(type, (bucket.others.get(type) ?? 0) + 1);
  }
  return [...buckets.values()].flatMap((one) => eventsOf(one, limit));
}

function eventsOf({ minute: at, sourceId, tracks, others }: Bucket, limit: NameLimit): readonly MinuteEvents[] {
  const minute = new Date(at * minuteMs);
  const sums = new Map<string, number>();
  for (const [event, messages] of tracks) {
    const name = limit.admit(sourceId, minute, countedEvent({ type: 'track', event }));
    sums.set(name, (sums.get(name) ?? 0) + messages);
  }
  const found = [...sums].map(([name, messages]) => ({ minute, sourceId, type: 'track', name, messages }));
  const types = new Map<string, MinuteEvents>();
  for (const [given, messages] of others) {
    const { type, name } = countedEvent({ type: given });
    types.set(type, { minute, sourceId, type, name, messages: messages + (types.get(type)?.messages ?? 0) });
  }
  return [...found, ...types.values()];
}
