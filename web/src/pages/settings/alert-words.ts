/** Alerts in words. */
import type { AlertEvent, Channel } from '../../api/settings.ts';

export const events: Readonly<Record<AlertEvent, string>> = {
  sync_failed: 'A sync failed',
  sync_partly_failed: 'A sync ended with rows that were not delivered',
  delivery_rate: 'Too few of the rows of a day were delivered',
  schedule_missed: 'A scheduled sync did not start',
};

export function eventWords(event: AlertEvent, thresholdPercent: number | null): string {
  return event === 'delivery_rate' && thresholdPercent !== null
    ? `Fewer than ${thresholdPercent} % of the rows of a day were delivered`
    : events[event];
}

export const channelWords: Readonly<Record<keyof Channel, string>> = {
  webhook: 'Webhook',
  email: 'E-mail',
  slack: 'Slack',
};

/** The host alone: whoever has the whole address can write there. */
const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).host : url);

export function channelText({ webhook, email, slack }: Channel): string {
  if (email !== undefined) return `E-mail to ${email.to.join(', ')}`;
  if (slack !== undefined) return `Slack at ${hostOf(slack.url)}`;
  return `Webhook at ${hostOf(webhook?.url ?? '')}${webhook?.secret === undefined ? '' : ', signed'}`;
}
