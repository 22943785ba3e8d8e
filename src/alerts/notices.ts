/** What is said: notices and their way to each channel, as the tables hold them. */
import { newId } from '../base/ids.ts';
import type { Queryable } from '../db/db.ts';
import type { Alert, AlertChannel, AlertEvent } from '../workspace/workspace.ts';

export type ChannelKind = 'webhook' | 'email' | 'slack';

/** The words of a notice; nothing of them comes from a row. */
export interface NoticeContent {
  /** What happened, in one sentence. */
  readonly what: string;
  readonly why: string;
  /** What to do. */
  readonly help: string;
  /** The page of the web app where it can be looked at, below the address of this server. */
  readonly path: string;
  readonly syncId: string | null;
  /** Numbers of rows, by what became of them. */
  readonly counts: Readonly<Record<string, number>> | null;
}

export interface Notice extends NoticeContent {
  readonly id: string;
  readonly alertId: string;
  /** Names as they were. */
  readonly alert: string;
  readonly mapping: string | null;
  readonly mappingId: string | null;
  readonly event: AlertEvent | null;
  readonly phase: 'opened' | 'resolved' | 'test';
  readonly createdAt: Date;
  readonly readAt: Date | null;
  readonly sends: readonly Send[];
}

/** The way of a notice to one channel. */
export interface Send {
  readonly channelNo: number;
  readonly channel: ChannelKind;
  readonly state: 'waiting' | 'sent' | 'failed';
  readonly attempts: number;
  readonly nextAt: Date;
  /** What the channel answered last, in a sentence. */
  readonly answer: string | null;
  readonly endedAt: Date | null;
}

export interface NewNotice extends NoticeContent {
  readonly alert: Alert;
  readonly mapping: { readonly id: string; readonly name: string } | null;
  readonly event: AlertEvent | null;
  readonly phase: Notice['phase'];
}

export function kindOf(channel: AlertChannel): ChannelKind {
  if ('webhook' in channel) return 'webhook';
  return 'email' in channel ? 'email' : 'slack';
}

/** Stores a notice and what is to be sent, due at `sendAt`. Returns its id. */
export async function storeNotice(db: Queryable, notice: NewNotice, now: Date, sendAt = now): Promise<string> {
  const id = newId('not');
  const { alert, mapping, event, phase, syncId, what, why, help, path, counts } = notice;
  await db.query(
    `INSERT INTO alert_notices (id, alert_id, alert, mapping_id, mapping, event, phase, sync_id, what, why, help, path,
       counts, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      id,
      alert.id,
      alert.title ?? alert.name,
      mapping?.id ?? null,
      mapping?.name ?? null,
      event,
      phase,
      syncId,
      what,
      why,
      help,
      path,
      counts === null ? null : JSON.stringify(counts),
      now,
    ],
  );
  await db.query(
    `INSERT INTO alert_sends (notice_id, channel_no, channel, state, next_at)
     SELECT $1, no - 1, channel, 'waiting', $3 FROM unnest($2::text[]) WITH ORDINALITY AS t (channel, no)`,
    [id, alert.channels.map(kindOf), sendAt],
  );
  return id;
}

/** A notice with everything sent or to be sent, as one statement reads it. */
export const noticeColumns = `n.id, n.alert_id AS "alertId", n.alert, n.mapping, n.mapping_id AS "mappingId", n.event, n.phase,
  n.sync_id AS "syncId", n.what, n.why, n.help, n.path, n.counts, n.created_at AS "createdAt", n.read_at AS "readAt"`;

/** The sends of these notices, by notice. */
export async function sendsOf(
  db: Queryable,
  noticeIds: readonly string[],
): Promise<ReadonlyMap<string, readonly Send[]>> {
  const { rows } = await db.query<Send & { noticeId: string }>(
    `SELECT notice_id AS "noticeId", channel_no AS "channelNo", channel, state, attempts, next_at AS "nextAt", answer,
            ended_at AS "endedAt"
     FROM alert_sends WHERE notice_id = ANY($1) ORDER BY notice_id, channel_no`,
    [noticeIds],
  );
  const sends = new Map<string, Send[]>(noticeIds.map((id) => [id, []]));
  for (const { noticeId, ...send } of rows) sends.get(noticeId)?.push(send);
  return sends;
}
