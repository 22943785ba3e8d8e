/** `alert list`, `alert test`, `alert log`: the rules, a try of their channels, and what was said. */
import {
  type AlertContext,
  listNotices,
  type MissedSchedule,
  markRead,
  type Notice,
  openAlerts,
  type Send,
  testAlert,
} from '../alerts/alerts.ts';
import type { Clock } from '../base/clock.ts';
import { counted } from '../base/count.ts';
import type { Queryable } from '../db/db.ts';
import { listSchedules } from '../schedule/schedule.ts';
import { type AlertChannel, listAlerts, mappingNames } from '../workspace/workspace.ts';
import { argument, type Command, flag, numberOption, option } from './command.ts';
import type { CliContext } from './context.ts';
import { indent, paragraphs, printable, table, time } from './text.ts';

/** What the room of alerts needs. */
export async function alertContext(context: CliContext): Promise<AlertContext> {
  const db = await context.database();
  const { secrets } = await context.store();
  const { smtpUrl, smtpFrom, publicUrl } = context.config;
  const mail = smtpUrl === undefined ? null : { url: smtpUrl, from: smtpFrom };
  const { log, clock } = context;
  return { db, secrets, log, clock, mail, publicUrl, missedSchedules: (pool) => missedNow(pool, clock) };
}

/** Mappings whose newest scheduled run could not start, until one does. */
async function missedNow(db: Queryable, clock: Clock): Promise<readonly MissedSchedule[]> {
  const list = await listSchedules(db, clock.now());
  return list.flatMap(({ lastMissed }) => (lastMissed === null ? [] : [lastMissed]));
}

export const alertListCommand: Command = {
  name: 'alert list',
  description: 'List the alerts: what each is about, where it goes, and what is open.',
  arguments: [],
  options: [],
  examples: ['millrace alert list'],
  async run(context) {
    const store = await context.store();
    const alerts = await listAlerts(store);
    const names = await mappingNames(store.db);
    const open = await openAlerts(store.db);
    const documents = alerts.map((alert) => ({
      id: alert.id,
      name: alert.name,
      on: alert.on,
      mappings: alert.mappingIds?.flatMap((id) => names.get(id) ?? []) ?? null,
      thresholdPercent: alert.thresholdPercent,
      channels: alert.channels.map(channelText),
      enabled: alert.enabled,
      open: open
        .filter(({ alertId }) => alertId === alert.id)
        .map(({ mappingId, event, openedAt }) => ({ mapping: names.get(mappingId) ?? mappingId, event, openedAt })),
    }));
    const rows = documents.map((alert) => [
      alert.name,
      alert.on.join(', '),
      alert.mappings?.join(', ') ?? 'all',
      ['list', ...alert.channels].join('; '),
      alert.enabled ? 'enabled' : 'disabled',
      alert.open.map(({ mapping, event }) => `${event} of ${mapping}`).join('; '),
    ]);
    const columns = ['name', 'on', 'mappings', 'channels', 'state', 'open'].map((title) => ({ title, most: 60 }));
    const none = 'There are no alerts. Add a section alerts to the workspace file: docs/alerts.md';
    const text =
      alerts.length === 0
        ? none
        : paragraphs(table(columns, rows), 'Next: millrace alert test NAME tries the channels of one.');
    return { document: { alerts: documents }, text };
  },
};

/** Without the URL, which is a secret: only its host. */
function channelText(channel: AlertChannel): string {
  if ('email' in channel) return `e-mail to ${channel.email.to.join(', ')}`;
  return 'webhook' in channel
    ? `webhook at ${hostOf(channel.webhook.url)}${channel.webhook.secret === undefined ? '' : ' (signed)'}`
    : `Slack at ${hostOf(channel.slack.url)}`;
}

const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).host : '(no URL)');

export const alertTestCommand: Command = {
  name: 'alert test',
  description: 'Send a notice that says it is a test through every channel of an alert, and show what each answers.',
  arguments: [{ name: 'NAME', description: 'name or id of an alert', required: true }],
  options: [],
  examples: ['millrace alert test nightly'],
  async run(context, input) {
    const name = argument(input, 'NAME');
    const { noticeId, channels } = await testAlert(await alertContext(context), name);
    const failed = channels.filter(({ sent }) => !sent).length;
    const lines = channels.map(
      ({ channel, sent, answer }) => `${sent ? 'sent  ' : 'failed'}  ${channel.padEnd(7)}  ${answer}`,
    );
    const summary =
      channels.length === 0
        ? 'The alert has no channels beside the list of notices.'
        : failed === 0
          ? 'Every channel took the test.'
          : `${failed} of ${counted(channels.length, 'channel')} failed.`;
    return {
      document: { alert: name, noticeId, channels },
      text: paragraphs(lines.join('\n'), summary, 'Next: millrace alert log lists the notices.'),
      ...(failed > 0 && { exit: 1 as const }),
    };
  },
};

export const alertLogCommand: Command = {
  name: 'alert log',
  description: 'List what the alerts said, newest first, and whether it arrived.',
  arguments: [],
  options: [
    { flags: '--unread', description: 'only notices that nobody has marked as read' },
    { flags: '--mark-read', description: 'mark the listed notices as read' },
    { flags: '--limit <NUMBER>', description: 'notices at most, up to 1,000', defaultText: '20' },
    { flags: '--next <CURSOR>', description: 'the next page' },
  ],
  examples: ['millrace alert log', 'millrace alert log --unread --mark-read'],
  async run(context, input) {
    const { pool } = await context.database();
    const limit = numberOption(input, 'limit', 1, 1000) ?? 20;
    const query = { limit, unreadOnly: flag(input, 'unread'), next: option(input, 'next') };
    const { items, next } = await listNotices(pool, query);
    if (flag(input, 'markRead')) {
      await markRead(
        pool,
        items.map(({ id }) => id),
        context.clock.now(),
      );
    }
    const more = next === null ? '' : `There are more: add --next ${next}`;
    const text = items.length === 0 ? 'There are no notices.' : paragraphs(...items.map(noticeText), more);
    return { document: { notices: items, next }, text };
  },
};

function noticeText(notice: Notice): string {
  const { phase, what, why, help, createdAt, readAt, alert, sends } = notice;
  const head = `${time(createdAt)}  ${phase}  ${printable(alert)}${readAt === null ? '' : '  (read)'}`;
  return [head, ...[what, why, help, ...sends.map(sendText)].map((line) => indent(printable(line)))].join('\n');
}

function sendText({ channel, state, attempts, answer, nextAt }: Send): string {
  const again = state === 'waiting' ? `, next at ${time(nextAt)}` : '';
  return `${channel}: ${state} after ${counted(attempts, 'attempt')}${again}. ${answer ?? ''}`.trim();
}
