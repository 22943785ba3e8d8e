/** A notice that says it is a test, through every channel of an alert, once. */
import { type Actor, commandLine, findAlert, recordAudit } from '../workspace/workspace.ts';
import type { AlertContext } from './alerts.ts';
import { sendTo } from './channels.ts';
import { type ChannelKind, kindOf, type Notice, storeNotice } from './notices.ts';
import { recordOutcome, takenFor } from './outbox.ts';
import { testNotice } from './wording.ts';

export interface TestedChannel {
  readonly channelNo: number;
  readonly channel: ChannelKind;
  readonly sent: boolean;
  readonly answer: string;
}

/** The notice is in the list too. A disabled alert can be tested. Errors: `not_found`, `secret_…`. */
export async function testAlert(
  context: AlertContext,
  nameOrId: string,
  actor: Actor = commandLine,
): Promise<{ readonly noticeId: string; readonly channels: readonly TestedChannel[] }> {
  const { db, secrets, clock } = context;
  const alert = await findAlert({ db: db.pool, secrets }, nameOrId);
  const content = testNotice(alert.title ?? alert.name);
  const now = clock.now();
  const about = { ...content, alert, mapping: null, event: null, phase: 'test' as const };
  const noticeId = await db.transaction(async (tx) => {
    const id = await storeNotice(tx, about, now, new Date(now.getTime() + takenFor));
    await tx.query('UPDATE alert_sends SET attempts = 1 WHERE notice_id = $1', [id]);
    const note = { resourceType: 'alert', resourceId: alert.id, resourceName: alert.name };
    await recordAudit(tx, actor, [{ type: 'Alert Tested', ...note }]);
    return id;
  });
  const notice: Notice = {
    ...content,
    id: noticeId,
    alertId: alert.id,
    alert: alert.title ?? alert.name,
    mapping: null,
    mappingId: null,
    event: null,
    phase: 'test',
    createdAt: now,
    readAt: null,
    sends: [],
  };
  const channels = await Promise.all(
    alert.channels.map(async (channel, channelNo): Promise<TestedChannel> => {
      const { kind, answer } = await sendTo(context, channel, notice);
      const send = { noticeId, channelNo, channel: kindOf(channel), attempts: 1 };
      // Nobody waits for a test that comes later.
      await recordOutcome(context, send, { kind: kind === 'sent' ? 'sent' : 'failed', answer });
      return { channelNo, channel: send.channel, sent: kind === 'sent', answer };
    }),
  );
  return { noticeId, channels };
}
