/**
 * Sending one notice through one channel, once. In: a channel, a notice. Out: whether it was taken, may be tried again, or
 * will never be taken, with the answer in a sentence. Promised: nothing is thrown; no answer holds a URL, a secret or what
 * the other side wrote.
 */
import type { AlertChannel } from '../workspace/workspace.ts';
import type { AlertContext } from './alerts.ts';
import type { Notice } from './notices.ts';
import { sendMail } from './send-mail.ts';
import { sendSlack } from './send-slack.ts';
import { sendWebhook } from './send-webhook.ts';

export type Outcome =
  | { readonly kind: 'sent' | 'failed'; readonly answer: string }
  /** `after`: ms that the other side asked to wait. */
  | { readonly kind: 'retry'; readonly answer: string; readonly after?: number };

const usualPatience = 10_000;

export async function sendTo(
  context: AlertContext,
  channel: AlertChannel,
  notice: Notice,
  signal?: AbortSignal,
): Promise<Outcome> {
  const patience = context.patience ?? usualPatience;
  const sending = { notice, url: addressOf(notice, context), now: context.clock.now(), patience, signal };
  if ('webhook' in channel) return sendWebhook(channel.webhook, sending);
  if ('slack' in channel) return sendSlack(channel.slack.url, sending);
  return sendMail(context.mail, channel.email.to, sending);
}

function addressOf({ path }: Notice, { publicUrl }: AlertContext): string | null {
  return publicUrl === undefined ? null : `${publicUrl.replace(/\/+$/, '')}${path}`;
}

export interface Sending {
  readonly notice: Notice;
  /** The whole address of its page; null when it is not known where people reach this server. */
  readonly url: string | null;
  readonly now: Date;
  /** Ms. */
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
}
