/**
 * Carries regulations out. In: those that wait in the database. Out: people deleted, statuses moved. Promised: any number
 * of processes may run at once, each regulation is run by one of them; when that one dies, its lock is free and the next
 * run goes on; what failed is tried again, later and later, at most an hour apart.
 */
import { computeAccountsAgain, forgetPreviews } from '../audience/audience.ts';
import { isMillraceError } from '../base/errors.ts';
import type { Queryable } from '../db/db.ts';
import { deletePeople, forgetDeletions, unsuppress } from '../space/space.ts';
import { forgetPeople, takeLease } from '../sync/sync.ts';
import { listSpaces, lockWorkspace, outsideDestinations } from '../workspace/workspace.ts';
import { changeOf, isBeingDeleted } from './create.ts';
import { isForwarded, type PrivacyContext, type Regulation, type RegulationDetail } from './privacy.ts';

export interface RunRegulationsOptions {
  /** Only this one; and it is tried although it failed a moment ago. */
  readonly only?: string;
  readonly signal?: AbortSignal;
}

/** Runs what is due, oldest first. Returns how many were finished. Errors: the signal's reason; lost connections. */
export async function runRegulations(context: PrivacyContext, options: RunRegulationsOptions = {}): Promise<number> {
  const { db, clock } = context;
  let finished = 0;
  for (const id of await findDue(db.pool, clock.now(), options.only)) {
    options.signal?.throwIfAborted();
    const lease = await takeLease(db, id);
    if (lease === null) continue;
    try {
      const stop = new AbortController();
      lease.onLost((error) => stop.abort(error));
      const signals = options.signal === undefined ? [] : [options.signal];
      if (await runOne(context, id, AbortSignal.any([stop.signal, ...signals]))) finished += 1;
    } finally {
      await lease.release();
    }
  }
  return finished;
}

async function findDue(db: Queryable, now: Date, only: string | undefined): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM regulations WHERE finished_at IS NULL AND ($1::text = id OR ($1 IS NULL AND try_at <= $2))
     ORDER BY created_at`,
    [only ?? null, now],
  );
  return rows.map(({ id }) => id);
}

interface Started extends Pick<Regulation, 'id' | 'type'> {
  readonly userIds: readonly string[];
  readonly sourceId: string;
  readonly createdAt: Date;
  readonly attempts: number;
}

/** By the holder of its lock. True when it is finished now. */
async function runOne(context: PrivacyContext, id: string, signal: AbortSignal): Promise<boolean> {
  const { db, log, clock } = context;
  const started = await start(db.pool, id, clock.now());
  if (started === null) return false;
  try {
    if (started.type === 'UNSUPPRESS') return await endSuppression(context, started);
    await finish(context, id, await deleteEverywhere(context, started, signal));
    log.info({ regulation: id, type: started.type, subjects: started.userIds.length }, 'regulation finished');
    return true;
  } catch (error) {
    // Stopped on purpose: whoever runs next goes on at once.
    if (signal.aborted) throw error;
    const why = await db.explain(error);
    log.error({ regulation: id, err: why }, 'a regulation failed, and is tried again');
    await fail(db.pool, started, reasonOf(why), clock.now());
    return false;
  }
}

/** Null when another process has finished it meanwhile, it was cancelled, or it has to wait for a deletion. */
async function start(db: Queryable, id: string, now: Date): Promise<Started | null> {
  const { rows } = await db.query<Started>(
    `SELECT id, type, subject_ids AS "userIds", source_id AS "sourceId", created_at AS "createdAt", attempts
     FROM regulations WHERE id = $1 AND finished_at IS NULL`,
    [id],
  );
  const found = rows[0];
  if (found === undefined) return null;
  if (found.type === 'UNSUPPRESS' && (await isBeingDeleted(db, found.userIds, found.createdAt))) return null;
  const { rowCount } = await db.query(
    `UPDATE regulations SET status = 'RUNNING', started_at = coalesce(started_at, $2), attempts = attempts + 1
     WHERE id = $1 AND finished_at IS NULL`,
    [id, now],
  );
  return rowCount === 0 ? null : found;
}

async function deleteEverywhere(
  { db, clock }: PrivacyContext,
  { id, type, userIds }: Started,
  signal: AbortSignal,
): Promise<RegulationDetail> {
  const spaces: NonNullable<RegulationDetail['spaces']>[number][] = [];
  const known = { userIds: new Set(userIds), identifiers: new Map<string, { type: string; value: string }>() };
  for (const space of await listSpaces(db.pool)) {
    const deleted = await deletePeople(db, { jobId: id, spaceNo: space.no, userIds, signal });
    if (deleted.counts.profiles > 0) {
      await forgetPreviews(db, space.no);
      await computeAccountsAgain(db, space.no, clock.now());
    }
    spaces.push({ id: space.id, name: space.name, ...deleted.counts });
    for (const userId of deleted.userIds) known.userIds.add(userId);
    for (const each of deleted.identifiers) known.identifiers.set(`${each.type}:${each.value}`, each);
  }
  const people = { userIds: [...known.userIds], identifiers: [...known.identifiers.values()] };
  const forgotten = await forgetPeople(db, people, signal);
  const outside = isForwarded(type) ? await outsideDestinations(db.pool) : [];
  return {
    spaces,
    ...forgotten,
    ...(isForwarded(type) && {
      destinations: outside.map((destination) => ({ ...destination, status: 'NOT_SUPPORTED' as const })),
    }),
  };
}

/** Its subjects are forgotten in the same moment. */
async function finish({ db, clock }: PrivacyContext, id: string, detail: RegulationDetail): Promise<void> {
  await db.transaction(async (tx) => {
    await forgetDeletions(tx, id);
    await writeEnd(tx, id, detail, clock.now());
  });
}

async function endSuppression({ db, clock }: PrivacyContext, started: Started): Promise<boolean> {
  const { id, userIds, sourceId, createdAt } = started;
  await db.transaction(async (tx) => {
    await lockWorkspace(tx);
    await unsuppress(tx, await changeOf(tx, userIds, sourceId, createdAt));
    await writeEnd(tx, id, {}, clock.now());
  });
  return true;
}

async function writeEnd(tx: Queryable, id: string, detail: RegulationDetail, now: Date): Promise<void> {
  await tx.query(
    `UPDATE regulations SET status = 'FINISHED', finished_at = $2, subject_ids = NULL, try_at = NULL, detail = $3
     WHERE id = $1 AND finished_at IS NULL`,
    [id, now, JSON.stringify(detail)],
  );
}

const firstPauseMs = 10_000;
const longestPauseMs = 60 * 60_000;

async function fail(db: Queryable, { id, attempts }: Started, reason: string, now: Date): Promise<void> {
  const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(attempts, 20));
  const detail: RegulationDetail = { reason };
  await db.query(
    `UPDATE regulations SET status = 'FAILED', try_at = $2, detail = $3 WHERE id = $1 AND finished_at IS NULL`,
    [id, new Date(now.getTime() + pause), JSON.stringify(detail)],
  );
}

/** Foreign errors may quote what they failed on: of them only the code is told. */
function reasonOf(error: unknown): string {
  if (isMillraceError(error)) return `${error.message} [${error.code}]`;
  const code = (error as { code?: unknown }).code;
  const shown = typeof code === 'string' && /^[A-Z0-9_]{1,30}$/.test(code) ? ` (${code})` : '';
  return `Something failed${shown}; the log says more.`;
}
