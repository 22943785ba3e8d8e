/**
 * The event streams of write keys, remembered for a second. Promised: a space keeps being the same object while its
 * settings do not change, so that messages of many requests can be written together.
 */
import type { Clock } from '../../base/clock.ts';
import { type EventStream, isWriteKey, type Space } from '../../workspace/workspace.ts';
import { AnswerCache } from '../answer-cache.ts';

export type FindStream = (writeKey: string) => Promise<EventStream | null>;

const maxAgeMs = 1_000;
const maxEntries = 10_000;

export function createStreams(findStream: FindStream, clock: Clock) {
  const spaces = new Map<string, { readonly text: string; readonly space: Space }>();
  const known = (space: Space): Space => {
    const text = JSON.stringify(space);
    const before = spaces.get(space.id);
    if (before?.text === text) return before.space;
    spaces.set(space.id, { text, space });
    return space;
  };
  const cache = new AnswerCache<EventStream | null>(
    async (writeKey) => {
      const stream = await findStream(writeKey);
      return stream === null ? null : { ...stream, spaces: stream.spaces.map(known) };
    },
    { clock, maxAgeMs, maxEntries },
  );
  // What cannot be a write key is not remembered: it may be half a megabyte long.
  return { find: async (writeKey: string) => (isWriteKey(writeKey) ? cache.get(writeKey, writeKey) : null) };
}
