/** Adds up what became of a batch: what was decided here, and what the endpoint said about the rest. */
import { MillraceError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { isCancelled, type Receipt } from '../delivery/delivery.ts';
import type { ChangeKind } from '../diff/diff.ts';
import type { RecordEntry } from '../warehouse/warehouse.ts';
import type { Decided } from './decisions.ts';
import type { FailedRow } from './failures.ts';
import { countKinds, type KindCounts, type LoadingCounts, type SyncRow } from './records.ts';

/** A row that went wrong, before it has a number. The message is the value that was built; null when there was none. */
export interface ListedRow extends Omit<SyncRow, 'no' | 'message'> {
  readonly message: JsonObject | null;
}

/** A batch whose receipts are known. */
export interface SettledBatch {
  readonly batch: number;
  /** For the records table: what was delivered or not asked for. */
  readonly entries: readonly RecordEntry[];
  readonly counts: LoadingCounts;
  /** All its changes. */
  readonly kinds: KindCounts;
  /** Those of `entries`, which no later attempt meets again. */
  readonly kept: KindCounts & { readonly retried: number };
  readonly rows: readonly ListedRow[];
  readonly failed: readonly FailedRow[];
  readonly givenUp: readonly string[];
  /** Rows that are still to do because the endpoint was away, and what it said last; null when there are none. */
  readonly outage: Outage | null;
}

export interface Outage {
  readonly rows: number;
  readonly reason: string;
}

/** How what a sync settles is remembered. */
export interface Marking {
  /** Its number; null when it has none. */
  readonly syncNo: number | null;
  /** It sends again what is recorded already: then what the trigger does not ask for is left as it is. */
  readonly replays: boolean;
}

/** Receipts come in the order of the rows that were sent. */
export function settle(
  batch: number,
  decided: readonly Decided[],
  receipts: readonly Receipt[],
  { syncNo, replays }: Marking,
): SettledBatch {
  const entries: RecordEntry[] = [];
  const keptKinds: ChangeKind[] = [];
  let keptRetried = 0;
  const rows: ListedRow[] = [];
  const failed: FailedRow[] = [];
  const givenUp: string[] = [];
  const counts = { delivered: 0, refused: 0, skipped: 0, givenUp: 0, retried: 0 };
  let sent = 0;
  let [away, awayReason] = [0, ''];
  for (const { change, decision, failedBefore } of decided) {
    const { recordId, checksum } = change;
    const entry = { recordId, checksum, revision: change.revision + 1, deliveredBy: syncNo };
    if (decision.kind === 'skip') {
      counts.skipped++;
      if (replays) continue;
      // Whoever delivered an updated row last still did; a row that came or went was delivered by nobody as it is.
      entries.push({ ...entry, deliveredBy: change.kind === 'updated' ? change.deliveredBy : null });
      keptKinds.push(change.kind);
      continue;
    }
    if (decision.kind === 'give up') {
      counts.givenUp++;
      givenUp.push(recordId);
      rows.push({ kind: 'given up', recordId, rows: 1, code: 'given_up', reason: decision.reason, message: null });
      continue;
    }
    const receipt = decision.kind === 'send' ? receipts[sent++] : refusal(decision.code, decision.reason);
    if (receipt === undefined) throw new MillraceError('internal', 'An endpoint returned too few receipts.');
    // Still to do: it is among what the other counts leave over.
    if (isCancelled(receipt)) continue;
    if (receipt.kind === 'later' && receipt.away === true) {
      // So is this: an outage says nothing about the row, and is none of its failures.
      away++;
      awayReason = receipt.reason;
      continue;
    }
    if (failedBefore) counts.retried++;
    if (receipt.kind === 'delivered') {
      counts.delivered++;
      if (failedBefore) keptRetried++;
      entries.push(entry);
      keptKinds.push(change.kind);
      continue;
    }
    const { kind, code, reason } = receipt;
    const message = decision.kind === 'send' ? decision.delivery.message : decision.message;
    counts.refused++;
    failed.push({ recordId, checksum, reason });
    rows.push({ kind, recordId, rows: 1, code, reason, message });
  }
  const kinds = countKinds(decided.map(({ change }) => change.kind));
  const kept = { ...countKinds(keptKinds), retried: keptRetried };
  const outage = away === 0 ? null : { rows: away, reason: awayReason };
  return { batch, entries, counts, kinds, kept, rows, failed, givenUp, outage };
}

function refusal(code: string, reason: string): Receipt {
  return { kind: 'refused', code, reason };
}
