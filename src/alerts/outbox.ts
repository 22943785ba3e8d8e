/**
 * Carries notices to their channels. Promised: a send is with one process at a time; it ends as sent, or as failed with a
 * reason, after a bounded number of attempts; a process that dies with it leaves it to the next. So a notice may come twice
 * when a process dies between the channel's answer and the record of it: its id is in every message.
 */
import { isMillraceError } from '../base/errors.ts';
import type { Queryable } from '../db/db.ts';
import { type Alert, listAlerts } from '../workspace/workspace.ts';
import type { AlertContext } from './alerts.ts';
import { type Outcome, sendTo } from './channels.ts';
import { kindOf, type Notice, noticeColumns } from './notices.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** The pause after each attempt that may be repeated; after the last of them there is one more attempt. */
const pauses = [10 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, hour, 2 * hour] as const;
export const mostAttempts = pauses.length + 1;
/** After so long a process that took a send is taken for dead. */
export const takenFor = 2 * minute;
const longestPause = 2 * hour;
const sendsAtOnce = 20;

interface Taken {
  readonly noticeId: string;
  readonly channelNo: number;
  readonly channel: string;
  readonly attempts: number;
}

/** Sends everything that is due, several at a time. Returns how many sends were tried. */
export async function sendDue(context: AlertContext, signal?: AbortSignal): Promise<number> {
  for (let tried = 0; ; ) {
    signal?.throwIfAborted();
    const taken = await take(context);
    if (taken.length === 0) return tried;
    tried += taken.length;
    const notices = await noticesOf(context.db.pool, taken);
    const alerts = await knownAlerts(context);
    await Promise.all(
      taken.map(async (send) => {
        const outcome =
          send.attempts > mostAttempts
            ? diedTooOften
            : 'kind' in alerts
              ? alerts
              : await attempt(context, send, notices.get(send.noticeId), alerts, signal);
        await recordOutcome(context, send, outcome);
      }),
    );
  }
}

const diedTooOften: Outcome = {
  kind: 'failed',
  answer: 'Each process that sent this ended before it knew the answer.',
};

async function take({ db, clock }: AlertContext): Promise<readonly Taken[]> {
  const now = clock.now();
  const { rows } = await db.pool.query<Taken>(
    `UPDATE alert_sends SET attempts = attempts + 1, next_at = $2 WHERE (notice_id, channel_no) IN (
       SELECT notice_id, channel_no FROM alert_sends WHERE state = 'waiting' AND next_at <= $1
       ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED
     ) RETURNING notice_id AS "noticeId", channel_no AS "channelNo", channel, attempts`,
    [now, new Date(now.getTime() + takenFor), sendsAtOnce],
  );
  return rows;
}

async function noticesOf(db: Queryable, taken: readonly Taken[]): Promise<ReadonlyMap<string, Notice>> {
  const { rows } = await db.query<Omit<Notice, 'sends'>>(
    `SELECT ${noticeColumns} FROM alert_notices n WHERE id = ANY($1)`,
    [taken.map(({ noticeId }) => noticeId)],
  );
  return new Map(rows.map((row) => [row.id, { ...row, sends: [] }]));
}

/** By id; or the outcome of every send, while the secrets cannot be opened. */
async function knownAlerts({ db, secrets }: AlertContext): Promise<ReadonlyMap<string, Alert> | Outcome> {
  try {
    return new Map((await listAlerts({ db: db.pool, secrets })).map((alert) => [alert.id, alert]));
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return { kind: 'retry', answer: `${error.message} ${error.help}` };
  }
}

/** To the channel as it is configured now, so that a corrected URL is used for what waits. */
async function attempt(
  context: AlertContext,
  send: Taken,
  notice: Notice | undefined,
  alerts: ReadonlyMap<string, Alert>,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const alert = alerts.get(notice?.alertId ?? '');
  const channel = alert?.enabled === true ? alert.channels[send.channelNo] : undefined;
  if (notice === undefined || channel === undefined || kindOf(channel) !== send.channel) {
    return { kind: 'failed', answer: 'The channel was removed, or the alert disabled, before this could be sent.' };
  }
  return sendTo(context, channel, notice, signal);
}

/** Counts only for the attempt it is the outcome of. */
export async function recordOutcome(
  { db, clock, log }: AlertContext,
  send: Pick<Taken, 'noticeId' | 'channelNo' | 'channel' | 'attempts'>,
  outcome: Outcome,
): Promise<void> {
  const now = clock.now();
  const pause = pauses[send.attempts - 1];
  const over = outcome.kind !== 'retry' || pause === undefined;
  const state = outcome.kind === 'sent' ? 'sent' : over ? 'failed' : 'waiting';
  const wait = Math.min(longestPause, Math.max(pause ?? 0, outcome.kind === 'retry' ? (outcome.after ?? 0) : 0));
  await db.pool.query(
    `UPDATE alert_sends SET state = $4, answer = $5, next_at = $6, ended_at = $7
     WHERE notice_id = $1 AND channel_no = $2 AND attempts = $3 AND state = 'waiting'`,
    [
      send.noticeId,
      send.channelNo,
      send.attempts,
      state,
      outcome.answer,
      over ? now : new Date(now.getTime() + wait),
      over ? now : null,
    ],
  );
  const entry = { notice: send.noticeId, channel: send.channel, attempts: send.attempts, answer: outcome.answer };
  if (state === 'failed') log.error(entry, 'a notice could not be sent');
  if (state === 'waiting') log.warn(entry, 'a notice is sent again later');
}
