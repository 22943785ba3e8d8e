/**
 * Carrying one request out. In: a request. Out: its sync has ended and the request is gone, or it is left to another
 * process. Promised: whoever asked for the sync sees an end with a reason, also when it could not begin.
 */
import { errorCodes } from '../base/error-codes.ts';
import { isMillraceError, MillraceError } from '../base/errors.ts';
import { failSync, type RunOptions, runSync, type SyncContext } from '../sync/sync.ts';
import { findMapping, type ResolvedMapping, type WorkspaceStore } from '../workspace/workspace.ts';
import { listRequests, removeEnded, removeRequest, type SyncRequest, unclaimRequest } from './requests.ts';

export interface RunContext {
  readonly sync: SyncContext;
  readonly store: WorkspaceStore;
}

/** `left` ones stay, for whoever comes first. */
export type Outcome = 'ended' | 'left';

/** @param leave stops it where it is, and leaves it */
export async function runRequest(context: RunContext, request: SyncRequest, leave: AbortSignal): Promise<Outcome> {
  const { db, clock } = context.sync;
  const { syncId: id } = request;
  let job: ResolvedMapping | undefined;
  try {
    job = await findMapping(context.store, request.mappingId);
    await runSync(context.sync, job, { id, leave, ...restriction(request) });
  } catch (error) {
    const fault = await db.explain(error);
    if (isMillraceError(fault) && toBeLeft.has(fault.code)) {
      await unclaimRequest(db.pool, id);
      return 'left';
    }
    // It ended, or goes on elsewhere.
    if (isMillraceError(fault, 'sync_lost')) return (await removeEnded(db.pool, id)) ? 'ended' : 'left';
    // Without the database nothing can be recorded: the request stays, and so does its sync.
    if (isMillraceError(fault) && fault.code.startsWith('database_')) throw fault;
    await failSync(db.pool, { id, ...namesOf(request, job) }, knownFault(fault), clock.now());
  }
  await removeRequest(db.pool, id);
  return 'ended';
}

/** By the id of its sync, as another process was told; nothing when it is gone. */
export async function runRequestOf(context: RunContext, syncId: string, leave: AbortSignal): Promise<Outcome> {
  const [request] = await listRequests(context.sync.db.pool, { syncId });
  return request === undefined ? 'ended' : runRequest(context, request, leave);
}

/** Something else has the mapping now, or this process stops. */
const toBeLeft: ReadonlySet<string> = new Set(['sync_left', 'sync_running', 'sync_outdated']);

function restriction({ reason, options: { syncId } }: SyncRequest): Pick<RunOptions, 'retryOf' | 'replayOf'> {
  if (reason !== 'retry' && reason !== 'replay') return {};
  if (typeof syncId === 'string') return reason === 'retry' ? { retryOf: syncId } : { replayOf: syncId };
  const code = reason === 'retry' ? 'sync_retry_void' : 'sync_replay_unknown';
  throw new MillraceError(code, 'The request does not say which sync it is about.');
}

function namesOf({ mappingId }: SyncRequest, job: ResolvedMapping | undefined) {
  const { mapping, model, destination } = job ?? {};
  return {
    mappingId,
    mapping: mapping?.name ?? mappingId,
    model: model?.name ?? '',
    destination: destination?.name ?? '',
    modelId: model?.id ?? null,
    sourceId: model?.sourceId ?? null,
  };
}

function knownFault(fault: unknown): MillraceError {
  if (isMillraceError(fault)) return fault;
  return new MillraceError('internal', 'Something failed that should not, before the sync could begin.', {
    help: errorCodes.internal.help,
  });
}

/** A sync whose process died this often ends: whatever kills it would do so for ever. */
export const mostBeginnings = 5;

/** Ends a request that no process survives. */
export async function giveUp({ sync, store }: RunContext, request: SyncRequest): Promise<void> {
  const job = await findMapping(store, request.mappingId).catch(() => undefined);
  const reason = `The process that ran it ended, ${mostBeginnings} times.`;
  const fault = new MillraceError('sync_process_ended', reason);
  await failSync(sync.db.pool, { id: request.syncId, ...namesOf(request, job) }, fault, sync.clock.now());
  await removeRequest(sync.db.pool, request.syncId);
}
