/**
 * The channels of an alert, as clients see them and send them back. Whoever has the URL of a channel can write there, so
 * it is shown as its host and its end, and what was shown and comes back stands for what is stored.
 */
import { z } from 'zod';
import type { AlertChannel } from '../../../workspace/workspace.ts';
import { text } from '../body.ts';
import type { InputFault } from '../errors.ts';
import { isMask, maskOf } from '../masks.ts';

const url = text(2_000);
export const channelInput = z.object({
  webhook: z.object({ url, secret: z.string().max(500).nullish() }).optional(),
  email: z.object({ to: z.array(text(320)).min(1).max(50) }).optional(),
  slack: z.object({ url }).optional(),
});
type ChannelInput = z.output<typeof channelInput>;

export function channelBody(channel: AlertChannel): object {
  if ('email' in channel) return channel;
  if ('slack' in channel) return { slack: { url: maskUrl(channel.slack.url) } };
  const { url: to, secret } = channel.webhook;
  return { webhook: { url: maskUrl(to), ...(secret !== undefined && { secret: maskOf(secret) }) } };
}

/** `https://hooks.example.com/••••••••••wxyz`. */
function maskUrl(text: string): string {
  const path = URL.canParse(text) ? new URL(text) : null;
  return path === null ? maskOf(text) : `${path.origin}/${maskOf(`${path.pathname}${path.search}`)}`;
}

/** With the stored secrets in the place of their masks. A mask of nothing that is stored is a fault. */
export function unmaskedChannels(
  wanted: readonly ChannelInput[],
  stored: readonly AlertChannel[],
  faults: InputFault[],
): readonly ChannelInput[] {
  return wanted.map((channel, at) => {
    const here = `channels.${at}`;
    if (channel.slack !== undefined) return { ...channel, slack: { url: urlOf('slack', channel.slack.url, at) } };
    if (channel.webhook === undefined) return channel;
    const { url: given, secret } = channel.webhook;
    const kept = isMask(secret ?? '') ? secretBehind(given, secret as string, at) : (secret ?? '');
    if (kept === null) faults.push({ field: `${here}.webhook.secret`, message: mustBeWhole(`${here}.webhook.secret`) });
    return {
      ...channel,
      webhook: { url: urlOf('webhook', given, at), ...(kept !== null && kept !== '' && { secret: kept }) },
    };
  });

  function urlOf(kind: 'webhook' | 'slack', given: string, at: number): string {
    if (!isMask(given)) return given;
    const urls = atFirst(stored, at).flatMap((one) => {
      if (kind === 'webhook' && 'webhook' in one) return [one.webhook.url];
      return kind === 'slack' && 'slack' in one ? [one.slack.url] : [];
    });
    const found = urls.find((one) => maskUrl(one) === given);
    if (found !== undefined) return found;
    const field = `channels.${at}.${kind}.url`;
    faults.push({ field, message: mustBeWhole(field) });
    return 'https://unknown.invalid/';
  }

  /** That of the channel with this URL, else of the one in this place. */
  function secretBehind(given: string, mask: string, at: number): string | null {
    const hooks = atFirst(stored, at).flatMap((one) => ('webhook' in one ? [one.webhook] : []));
    const same = hooks.filter(({ secret }) => secret !== undefined && maskOf(secret) === mask);
    return (same.find(({ url: own }) => own === given || maskUrl(own) === given) ?? same[0])?.secret ?? null;
  }
}

/** The one in this place before the others: two may have one mask. */
function atFirst(stored: readonly AlertChannel[], at: number): readonly AlertChannel[] {
  return [...stored.slice(at, at + 1), ...stored];
}

const mustBeWhole = (field: string) => `"${field}" must be written out: nothing is stored that it could stand for`;
