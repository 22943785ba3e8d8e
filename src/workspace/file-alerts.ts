/** The alerts of a workspace file. */
import type { AlertDefinition } from './definitions.ts';
import type { FaultList, FilePath } from './file-faults.ts';
import type { Shaped } from './file-shape.ts';
import { suggestion } from './near-names.ts';
import type { AlertChannel } from './workspace.ts';

type ShapedChannel = Shaped<'alerts'>['channels'][number];

export function readAlert(
  name: string,
  shape: Shaped<'alerts'>,
  mappingNames: readonly string[],
  faults: FaultList,
): AlertDefinition {
  const here = ['alerts', name];
  const { on, mappings, threshold_percent: threshold, channels, enabled } = shape;
  const aboutRate = on.includes('delivery_rate');
  if (aboutRate && threshold === undefined) {
    faults.addKey(here, 'delivery_rate needs a threshold_percent: an alert under that share of delivered rows.');
  }
  if (!aboutRate && threshold !== undefined) {
    faults.addKey([...here, 'threshold_percent'], 'this means something only when "on" has delivery_rate.');
  }
  for (const [index, event] of on.entries()) {
    if (on.indexOf(event) !== index) faults.add([...here, 'on', index], `${event} is in the list twice.`);
  }
  for (const [index, mapping] of (mappings ?? []).entries()) {
    const place = [...here, 'mappings', index];
    if (faults.isStandIn(['mappings'])) break;
    if (!mappingNames.includes(mapping)) {
      faults.add(place, `there is no mapping "${mapping}" in this file.${suggestion(mapping, mappingNames)}`);
    } else if (mappings?.indexOf(mapping) !== index) {
      faults.add(place, `the mapping "${mapping}" is in the list twice.`);
    }
  }
  return {
    name,
    title: shape.title ?? null,
    on,
    mappings: mappings ?? null,
    thresholdPercent: threshold ?? null,
    channels: channels.flatMap((channel, index) => readChannel(channel, [...here, 'channels', index], faults)),
    enabled,
  };
}

function readChannel(channel: ShapedChannel, here: FilePath, faults: FaultList): readonly AlertChannel[] {
  const { webhook, email, slack } = channel;
  if ([webhook, email, slack].filter((part) => part !== undefined).length !== 1) {
    faults.add(here, 'a channel is one of webhook, email and slack.');
  }
  if (webhook !== undefined) {
    checkUrl(webhook.url, [...here, 'webhook', 'url'], faults);
    const { url, secret } = webhook;
    return [{ webhook: { url, ...(secret !== undefined && { secret }) } }];
  }
  if (slack !== undefined) {
    checkUrl(slack.url, [...here, 'slack', 'url'], faults);
    return [{ slack }];
  }
  if (email === undefined) return [];
  for (const [index, address] of email.to.entries()) {
    // The mail server knows what an address is; this keeps out what could be read as a list, or as another header.
    if (!/^[^\s<>,;:"()]+@[^\s<>,;:"()@]+$/.test(address)) {
      faults.add([...here, 'email', 'to', index], 'this must be one e-mail address, such as ops@example.com.');
    }
  }
  return [{ email }];
}

/** Never quotes the URL: it is a secret. */
function checkUrl(text: string, here: FilePath, faults: FaultList): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '') return;
  faults.add(here, 'this must be a URL that begins with https:// or http://, without a user and a password.');
}
