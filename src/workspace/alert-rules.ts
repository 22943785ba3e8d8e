/** What an alert must be like beyond its shape, in a file and over HTTP. Pure; no message quotes a URL, which is a secret. */
import type { AlertEvent } from './workspace.ts';

export interface AlertRule {
  readonly on: readonly AlertEvent[];
  /** Names; undefined: all. */
  readonly mappings?: readonly string[] | undefined;
  readonly threshold_percent?: number | undefined;
  readonly channels: readonly {
    readonly webhook?: { readonly url: string; readonly secret?: string | undefined } | undefined;
    readonly email?: { readonly to: readonly string[] } | undefined;
    readonly slack?: { readonly url: string } | undefined;
  }[];
}

export interface RuleFault {
  /** From the alert: `['channels', 0, 'webhook', 'url']`. Empty: the alert itself. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** It is there, and should not be. */
  readonly ofKey?: true;
}

export function alertRuleFaults({
  on,
  mappings = [],
  threshold_percent: threshold,
  channels,
}: AlertRule): readonly RuleFault[] {
  const faults: RuleFault[] = [];
  const aboutRate = on.includes('delivery_rate');
  if (aboutRate && threshold === undefined) {
    const message = 'delivery_rate needs a threshold_percent: an alert under that share of delivered rows.';
    faults.push({ path: [], message, ofKey: true });
  }
  if (!aboutRate && threshold !== undefined) {
    const message = 'this means something only when "on" has delivery_rate.';
    faults.push({ path: ['threshold_percent'], message, ofKey: true });
  }
  for (const [index, event] of on.entries()) {
    if (on.indexOf(event) !== index) faults.push({ path: ['on', index], message: `${event} is in the list twice.` });
  }
  for (const [index, mapping] of mappings.entries()) {
    if (mappings.indexOf(mapping) === index) continue;
    faults.push({ path: ['mappings', index], message: `the mapping "${mapping}" is in the list twice.` });
  }
  return [...faults, ...channels.flatMap((channel, index) => channelFaults(channel, ['channels', index]))];
}

function channelFaults(
  { webhook, email, slack }: AlertRule['channels'][number],
  here: RuleFault['path'],
): readonly RuleFault[] {
  if ([webhook, email, slack].filter((part) => part !== undefined).length !== 1) {
    return [{ path: here, message: 'a channel is one of webhook, email and slack.' }];
  }
  if (webhook !== undefined) return urlFaults(webhook.url, [...here, 'webhook', 'url']);
  if (slack !== undefined) return urlFaults(slack.url, [...here, 'slack', 'url']);
  // The mail server knows what an address is; this keeps out what could be read as a list, or as another header.
  return (email?.to ?? []).flatMap((address, index) =>
    /^[^\s<>,;:"()]+@[^\s<>,;:"()@]+$/.test(address)
      ? []
      : [
          {
            path: [...here, 'email', 'to', index],
            message: 'this must be one e-mail address, such as ops@example.com.',
          },
        ],
  );
}

function urlFaults(text: string, path: RuleFault['path']): readonly RuleFault[] {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '')
    return [];
  return [{ path, message: 'this must be a URL that begins with https:// or http://, without a user and a password.' }];
}
