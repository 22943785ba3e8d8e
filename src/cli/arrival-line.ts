/** An arrival as one line: time, type, event, who, where from, and what became of it. */

import { counted } from '../base/count.ts';
import { isMillraceError } from '../base/errors.ts';
import type { Database } from '../db/db.ts';
import type { Arrival, Skipped } from '../space/space.ts';
import { showSync } from '../sync/sync.ts';
import { listEventStreams } from '../workspace/workspace.ts';
import { column, printable, time } from './text.ts';

export function arrivalLine(arrival: Arrival, source: string): string {
  const { at, type, event = '', outcome, profileId = '', reason = '', detail = '' } = arrival;
  return [
    time(new Date(at)),
    column(type, 8),
    column(event, 24),
    column(idOf(arrival), 32),
    column(source, 32),
    printable(outcome === 'applied' ? `applied ${profileId}` : `dropped ${reason}: ${detail}`),
  ].join('  ');
}

/** The identifier that says most about whom the message is. */
function idOf({ type, userId = '', anonymousId = '', groupId = '', messageId = '' }: Arrival): string {
  if (type === 'group' && groupId !== '') return `group_id:${groupId}`;
  if (userId !== '') return `user_id:${userId}`;
  return anonymousId === '' ? messageId : `anonymous_id:${anonymousId}`;
}

export function skippedLine({ count }: Skipped): string {
  return `${counted(count, 'message')} more arrived and ${count === 1 ? 'is' : 'are'} not shown.`;
}

const mostKnown = 1_000;

/**
 * Where arrivals come from, for people: the mapping of a sync, the name of an event stream, else the id of the source. Asks
 * once for each.
 */
export function sourceNames(db: Database): (arrival: Arrival) => Promise<string> {
  const known = new Map<string, Promise<string | null>>();
  return async ({ sourceId, syncId }) => {
    const key = syncId ?? sourceId;
    let name = known.get(key);
    if (name === undefined) {
      if (known.size >= mostKnown) known.clear();
      name = syncId === undefined ? streamOf(db, sourceId) : mappingOf(db, syncId);
      known.set(key, name);
    }
    return (await name) ?? sourceId;
  };
}

async function streamOf(db: Database, sourceId: string): Promise<string | null> {
  return (await listEventStreams(db.pool)).find(({ id }) => id === sourceId)?.name ?? null;
}

async function mappingOf(db: Database, syncId: string): Promise<string | null> {
  try {
    return (await showSync(db, syncId)).mapping;
  } catch (error) {
    if (isMillraceError(error, 'sync_not_found')) return null;
    throw error;
  }
}
