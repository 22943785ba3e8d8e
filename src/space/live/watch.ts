/**
 * The receiving end of the live view. In: a space. Out: what arrives at it, from whichever process, as it is committed.
 * Promised: a connection of its own, beside the pool; losing it ends the watch with an error that says why, also when the
 * other side vanished without a word; a watcher that dies is forgotten at once, one whose machine vanished half a minute
 * later.
 */
import type { Client } from 'pg';
import { isMillraceError, MillraceError } from '../../base/errors.ts';
import type { Database } from '../../db/db.ts';
import { type LiveItem, readLiveItem } from './arrivals.ts';
import { channelOf, watchersLock } from './live.ts';

export interface SpaceWatch extends AsyncDisposable {
  /** Resolves when the watch was closed; rejects when it was lost. Errors: `database_…`. */
  readonly ended: Promise<void>;
}

export interface WatchDeps {
  readonly db: Database;
  /** How often the connection is tried; default 15 s. */
  readonly probeMs?: number;
}

/** Writers notice within a second of this; what arrives earlier is not shown. Errors: `database_…`. */
export async function watchSpace(
  { db, probeMs = 15_000 }: WatchDeps,
  spaceNo: number,
  onItem: (item: LiveItem) => void,
): Promise<SpaceWatch> {
  const client = await db.session();
  const { promise: ended, resolve, reject } = withResolvers();
  ended.catch(() => undefined);
  let isOver = false;
  const lose = (error: unknown): void => {
    if (isOver) return;
    isOver = true;
    clearInterval(probing);
    void explained(db, error).then(reject);
    void client.end().catch(() => undefined);
  };
  const probing = setInterval(() => void probe(client, probeMs).catch(lose), probeMs);
  client.on('error', lose);
  client.on('end', () => lose(new Error('Connection terminated')));
  client.on('notification', ({ payload = '' }) => {
    const item = readLiveItem(payload.slice(payload.indexOf(' ') + 1));
    if (item !== null) onItem(item);
  });
  const close = async (): Promise<void> => {
    isOver = true;
    clearInterval(probing);
    resolve();
    await client.end().catch(() => undefined);
  };
  try {
    await listen(client, spaceNo);
  } catch (error) {
    await close();
    throw await explained(db, error);
  }
  return { ended, [Symbol.asyncDispose]: close };
}

/** Listens first: whoever finds the lock is heard. */
async function listen(client: Client, spaceNo: number): Promise<void> {
  // A watcher that reads nothing would hold up the queue of all notifications of the database.
  await client.query(
    `SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
            set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '30000', false)`,
  );
  await client.query(`LISTEN ${channelOf(spaceNo)}`);
  await client.query('SELECT pg_advisory_lock_shared($1::integer, $2::integer)', [watchersLock, spaceNo]);
}

/** Who only listens does not notice that the other side is gone. */
async function probe(client: Client, probeMs: number): Promise<void> {
  await client.query({ text: 'SELECT 1', query_timeout: probeMs } as { text: string });
}

async function explained(db: Database, error: unknown): Promise<MillraceError> {
  const better = await db.explain(error);
  if (isMillraceError(better)) return better;
  return new MillraceError('database_unreachable', `The connection to Postgres at ${db.describe} was lost.`, {
    cause: error,
  });
}

function withResolvers() {
  let resolve = (): void => undefined;
  let reject = (_: unknown): void => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
