/**
 * Alerts: telling people. In: rules of the workspace, the ends of syncs, the schedules that were missed. Out: notices, in
 * the list that every alert has and through its channels (webhook, e-mail, Slack). Promised: an alert says once that
 * something is wrong and once that it is over, however many processes watch; what is to be said is stored in the
 * transaction that notices it, so that none is lost with a process; no notice holds row contents or secrets.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Database, Queryable } from '../db/db.ts';
import type { Secrets } from '../workspace/workspace.ts';

export { checkAlerts } from './check.ts';
export {
  countUnread,
  listNotices,
  markRead,
  type NoticePage,
  type OpenAlert,
  openAlerts,
  pruneNotices,
} from './inbox.ts';
export type { Notice, NoticeContent, Send } from './notices.ts';
export { sendDue } from './outbox.ts';
export { type TestedChannel, testAlert } from './test-alert.ts';
export { startAlerts } from './worker.ts';

export interface AlertContext {
  readonly db: Database;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly clock: Clock;
  /** Null: e-mail cannot be sent, and notices by e-mail fail with that reason. */
  readonly mail: MailServer | null;
  /** Where people reach this server: then notices have whole addresses, else paths alone. */
  readonly publicUrl?: string | undefined;
  /** How long a channel may take to answer, ms; default 10 seconds. */
  readonly patience?: number;
  /** The schedules that should have begun a sync and did not; left out: nobody knows of schedules. */
  readonly missedSchedules?: (db: Queryable) => Promise<readonly MissedSchedule[]>;
}

export interface MailServer {
  /** `smtp://user:password@host:587` or `smtps://…`. A secret. */
  readonly url: string;
  readonly from: string;
}

export interface MissedSchedule {
  readonly mappingId: string;
  readonly dueAt: Date;
  /** A sentence without row contents. */
  readonly reason: string;
}
