/**
 * One row sent for real. In: a mapping, perhaps the identifier of a row. Out: what a test shows, and the answer of the
 * endpoint. Promised: no more is read than for a preview; one try is made; nothing is remembered of it, so the next sync sends
 * the row as if it had not been; it is in the audit trail before it goes out; its message id is its own, so that neither a
 * sync nor another test is taken for it.
 */
import { newId } from '../base/ids.ts';
import { type Receipt, usualBackoff } from '../delivery/delivery.ts';
import type { Effects } from '../space/space.ts';
import { type Actor, commandLine, type ResolvedMapping, recordAudit } from '../workspace/workspace.ts';
import { mappingNote } from './audit-notes.ts';
import { isLocal, openEndpoint } from './endpoints.ts';
import { type TestedMapping, testRow } from './preview.ts';
import type { SyncContext } from './runner.ts';

export interface SentRecord extends TestedMapping {
  /** Null when the row becomes no message, so that nothing was sent. */
  readonly receipt: Receipt | null;
  /** On the profiles of this server; null when nothing was written here. */
  readonly effects: Effects | null;
}

/**
 * Works for a disabled mapping too: one tries it before it is switched on (`whyNotRunning`).
 * Errors: those of `testMapping`, and `endpoint_invalid`.
 */
export async function sendTestRecord(
  context: SyncContext,
  job: ResolvedMapping,
  recordId?: string,
  signal?: AbortSignal,
  actor: Actor = commandLine,
): Promise<SentRecord> {
  // No change of a row has a revision below 0.
  const revision = -1 - Math.floor(Math.random() * 2 ** 50);
  const tested = await testRow(context, job, recordId, revision, signal);
  if (tested.result.kind !== 'message') return { ...tested, receipt: null, effects: null };
  const { space, message } = tested.result;
  let effects: Effects | null = null;
  const recordEffects = async (_: unknown, written: Effects) => {
    effects = written;
  };
  await using endpoint = await openEndpoint(withOneTry(context), job, { recordEffects });
  const origin = { mappingId: job.mapping.id, syncId: newId('tst') };
  await recordAudit(context.db.pool, actor, [mappingNote('test', job.mapping)]);
  const [receipt] = await endpoint.deliver([{ space, message }], origin, async () => undefined);
  return { ...tested, receipt: receipt as Receipt, effects: isLocal(job) ? effects : null };
}

/** Somebody waits for the answer. */
function withOneTry(context: SyncContext): SyncContext {
  const { delivery = {} } = context;
  const backoff = { ...usualBackoff, ...delivery.http?.backoff, attempts: 1 };
  return { ...context, delivery: { ...delivery, http: { ...delivery.http, backoff } } };
}
