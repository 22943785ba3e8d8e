/** A sync or a plan in plain words: the same counts, as what happened or as what would. */

import { count, counted } from '../base/count.ts';
import type { Sync, SyncCounts, SyncPlan, SyncRow } from '../sync/sync.ts';
import { duration, indent, printable, shorten, table } from './text.ts';

export interface Reason {
  readonly reason: string;
  /** How many rows went wrong for it. */
  readonly rows: number;
}

type FailedRow = Pick<SyncRow, 'reason' | 'rows'>;

/** Reasons with how many of the rows they stand for, the most frequent first. */
export function reasonsOf(rows: readonly FailedRow[]): readonly Reason[] {
  const sums = new Map<string, number>();
  for (const { reason, rows: stands } of rows) sums.set(reason, (sums.get(reason) ?? 0) + stands);
  return [...sums].map(([reason, sum]) => ({ reason, rows: sum })).sort((a, b) => b.rows - a.rows);
}

const reasonsShown = 3;

interface Line {
  readonly word: string;
  readonly value: number;
  readonly remark: string;
  /** Left out when there is nothing to count. */
  readonly rare?: boolean;
}

/**
 * @param tense `past` for a sync that ran, `future` for a plan
 * @param replays it sends again what an earlier sync delivered
 */
export function countsText(
  counts: SyncCounts,
  reasons: readonly Reason[],
  tense: 'past' | 'future',
  replays: boolean,
): string {
  const past = tense === 'past';
  const rowsRemark = replays ? 'rows to send again, as they are now' : '';
  const lines: readonly Line[] = [
    { word: 'extracted', value: counts.extracted, remark: 'rows of the model' },
    { word: 'new', value: counts.added, remark: rowsRemark },
    { word: 'updated', value: counts.updated, remark: rowsRemark },
    {
      word: 'deleted',
      value: counts.deleted,
      remark: replays ? 'deletions to send again' : 'rows that are gone from the model',
    },
    {
      word: 'unchanged',
      value: counts.unchanged,
      remark: replays ? 'not part of the replay' : 'since they were delivered',
    },
    {
      word: 'invalid',
      value: counts.invalid,
      remark: `identifier null or repeated; ${past ? 'not sent' : 'would not be sent'}`,
    },
    {
      word: 'skipped',
      value: counts.skipped,
      remark: replays
        ? 'not asked for by the trigger; left as it was'
        : `not asked for by the trigger; ${past ? 'recorded' : 'would be recorded'} as seen`,
      rare: true,
    },
    { word: past ? 'delivered' : 'would deliver', value: counts.delivered, remark: '' },
    {
      word: past ? 'refused' : 'would refuse',
      value: counts.refused,
      remark: past ? `tried again in the next ${replays ? 'replay' : 'sync'}` : '',
    },
    { word: 'given up', value: counts.givenUp, remark: 'failed too often; waiting until they change', rare: true },
    { word: 'retried', value: counts.retried, remark: 'had failed in an earlier sync', rare: true },
    { word: 'remaining', value: counts.remaining, remark: `for the next ${replays ? 'replay' : 'sync'}`, rare: true },
  ];
  const shown = lines.filter(({ rare, value }) => rare !== true || value > 0);
  const asTable = table(
    [{ title: '' }, { title: '', align: 'right' }, { title: '' }],
    shown.map(({ word, value, remark }) => [word, count(value), value === 0 ? '' : remark]),
  );
  return [asTable, reasonsText(reasons)].filter((part) => part !== '').join('\n');
}

/** What of the replayed sync is left out; nothing of a usual sync. */
export function replayText(replay: Sync['replay'], tense: 'past' | 'future'): string {
  if (replay === null) return '';
  const { syncId, deliveredAgain, gone } = replay;
  const not = tense === 'past' ? 'were not sent' : 'would not be sent';
  const parts = [
    deliveredAgain > 0 ? `${count(deliveredAgain)} went out again since, with later syncs` : '',
    gone > 0 ? `${count(gone)} are gone from the model; the next usual sync offers their deletion` : '',
  ].filter((part) => part !== '');
  if (parts.length === 0) return tense === 'past' ? `It replayed ${syncId}.` : '';
  return `Of what ${syncId} delivered, these ${not}: ${parts.join(', and ')}.`;
}

function reasonsText(reasons: readonly Reason[]): string {
  const shown = reasons
    .slice(0, reasonsShown)
    .map(({ reason, rows }) => `${count(rows)} × ${shorten(printable(reason), 200)}`);
  const more = reasons.length - shown.length;
  if (more > 0) shown.push(`and ${counted(more, 'more reason')}`);
  return indent(shown.join('\n'), '    ');
}

/** `would create …`; of a plan. */
export function plannedEffectsText(effects: SyncPlan['effects']): string {
  return effects === null ? 'known to the server of the endpoint only' : effectsText(effects, 'future');
}

/** `9,950 profiles and 400 accounts created, 12 merged, 50,000 traits changed`. */
export function effectsText(effects: Sync['effects'], tense: 'past' | 'future'): string {
  const made = `${counted(effects.profilesCreated, 'profile')} and ${counted(effects.accountsCreated, 'account')}`;
  const [merged, traits] = [count(effects.merged), counted(effects.traitsChanged, 'trait')];
  if (tense === 'past' && Object.values(effects).every((value) => value === 0))
    return 'none on the profiles of this server';
  return tense === 'past'
    ? `${made} created, ${merged} merged, ${traits} changed`
    : `would create ${made}, merge ${merged}, change ${traits}`;
}

/** The rows of the model, without those that a cancelled sync did not get to. */
export function doneRows({ extracted, remaining }: SyncCounts): number {
  return Math.max(0, extracted - remaining);
}

/** Rows per second of the whole run; null when it took no time that can be told. */
export function rateOf(rows: number, seconds: number): number | null {
  return seconds > 0 ? Math.round(rows / seconds) : null;
}

/** `3.2 s, 31,250 rows/s`. */
export function paceText(rows: number, seconds: number): string {
  const rate = rateOf(rows, seconds);
  return rate === null || rows === 0 ? duration(seconds) : `${duration(seconds)}, ${count(rate)} rows/s`;
}

/** Rows that went wrong, one a line. */
export function rowsText(rows: readonly Pick<SyncRow, 'kind' | 'recordId' | 'rows' | 'code' | 'reason'>[]): string {
  return table(
    [
      { title: 'identifier', most: 40 },
      { title: 'rows', align: 'right' },
      { title: 'what' },
      { title: 'code' },
      { title: 'reason', most: 160 },
    ],
    rows.map(({ recordId, rows: stands, kind, code, reason }) => [
      recordId ?? '(null)',
      count(stands),
      kind,
      code,
      reason,
    ]),
  );
}
