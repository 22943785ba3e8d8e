/** A notice as JSON, signed when the webhook has a secret (`docs/alerts.md`). */
import { createHmac } from 'node:crypto';
import type { Outcome, Sending } from './channels.ts';
import { post } from './http.ts';

export async function sendWebhook(
  { url, secret }: { readonly url: string; readonly secret?: string },
  sending: Sending,
): Promise<Outcome> {
  const body = JSON.stringify(documentOf(sending));
  const timestamp = String(Math.floor(sending.now.getTime() / 1000));
  const headers = {
    'x-millrace-notice': sending.notice.id,
    'x-millrace-timestamp': timestamp,
    ...(secret !== undefined && { 'x-millrace-signature': `sha256=${signature(secret, timestamp, body)}` }),
  };
  return post(url, body, headers, sending);
}

/** Over the timestamp too, so that an old message cannot be sent again as a new one. */
export function signature(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}

function documentOf({ notice, url }: Sending) {
  const { id, phase, alert, event, mapping, syncId, what, why, help, path, counts, createdAt } = notice;
  return { id, phase, alert, event, mapping, syncId, what, why, help, path, url, counts, at: createdAt.toISOString() };
}
