/** Syncs as the API shows them. In: a sync, or a request for one that waits. Out: the vendor's form. Pure. */
import { helpInApp } from '../../../base/errors.ts';
import type { Json } from '../../../base/json.ts';
import type { SyncRequest } from '../../../schedule/schedule.ts';
import type { Sync, SyncRow, SyncState } from '../../../sync/sync.ts';
import type { Model } from '../../../workspace/workspace.ts';

const statuses: Readonly<Record<SyncState, string>> = {
  extracting: 'IN_PROGRESS',
  loading: 'IN_PROGRESS',
  cancelling: 'CANCELLING',
  succeeded: 'SUCCESS',
  'partially succeeded': 'PARTIAL_SUCCESS',
  failed: 'FAIL',
  cancelled: 'CANCELLED',
};

export function syncBody(sync: Sync, { id: modelId, sourceId }: Pick<Model, 'id' | 'sourceId'>, now: Date) {
  const { startedAt, finishedAt, code, reason } = sync;
  return {
    ...{ syncId: sync.id, modelId, sourceId, syncStatus: statuses[sync.state] },
    duration: duration((finishedAt ?? now).getTime() - startedAt.getTime()),
    startedAt: startedAt.toISOString(),
    ...(finishedAt !== null && { finishedAt: finishedAt.toISOString() }),
    ...phasesOf(sync),
    ...(reason !== null && { error: [reason, helpOf(sync)].filter(Boolean).join(' ') }),
    ...(code !== null && { errorCode: code }),
  };
}

/** What to do about it, for whoever is not at a terminal. */
export function helpOf({ code, help }: Sync): string | null {
  return (code === null ? null : helpInApp(code)) ?? help;
}

/** A phase is there when it has begun; what is not known yet is empty. */
function phasesOf({ counts, startedAt, finishedAt, extractingSeconds, loadingSeconds, code }: Sync) {
  const hasLoading = finishedAt === null ? extractingSeconds !== null : loadingSeconds !== null;
  const extracted = extractingSeconds === null ? null : new Date(startedAt.getTime() + extractingSeconds * 1000);
  const extractPhase = {
    addedCount: String(counts.added),
    updatedCount: String(counts.updated),
    deletedCount: String(counts.deleted),
    extractCount: String(counts.added + counts.updated + counts.deleted),
    errorCode: hasLoading ? '' : (code ?? ''),
    startedAt: startedAt.toISOString(),
    finishedAt: extracted?.toISOString() ?? '',
  };
  if (!hasLoading) return { extractPhase };
  const loadPhase = {
    deliverSuccessCount: String(counts.delivered),
    // What is left after an outage used up its tries too, though later syncs send it.
    deliverFailureCount: String(counts.refused + counts.givenUp + (code === 'endpoint_away' ? counts.remaining : 0)),
    errorCode: code ?? '',
    startedAt: extracted?.toISOString() ?? '',
    finishedAt: finishedAt?.toISOString() ?? '',
  };
  return { extractPhase, loadPhase };
}

/** What was asked for and has not begun is in progress to whoever asked. */
export function waitingBody({ syncId, requestedAt }: SyncRequest, { id: modelId, sourceId }: Model) {
  const startedAt = requestedAt.toISOString();
  return { syncId, modelId, sourceId, syncStatus: 'IN_PROGRESS', duration: '0s', startedAt };
}

/** As Go writes durations: `42.5s`, `1h2m3s`. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  const [hours, minutes, seconds] = [
    Math.floor(whole / 3_600_000),
    Math.floor(whole / 60_000) % 60,
    (whole % 60_000) / 1000,
  ];
  const before = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : '';
  return `${before}${seconds}s`;
}

export function rowBody({ no, kind, recordId, rows, code, reason, message }: SyncRow) {
  return { no, kind, recordId, rows, code, reason, message: message === null ? null : parsed(message) };
}

/** A message that was cut is text. */
function parsed(message: string): Json {
  try {
    return JSON.parse(message) as Json;
  } catch {
    return message;
  }
}
