/** The alerts of a workspace file. */

import { suggestion } from '../base/near-names.ts';
import { alertRuleFaults } from './alert-rules.ts';
import type { AlertDefinition } from './definitions.ts';
import type { FaultList } from './file-faults.ts';
import type { Shaped } from './file-shape.ts';
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
  const knowsMappings = !faults.isStandIn(['mappings']);
  for (const { path, message, ofKey } of alertRuleFaults(shape)) {
    if (path[0] === 'mappings' && !knowsMappings) continue;
    if (ofKey) faults.addKey([...here, ...path], message);
    else faults.add([...here, ...path], message);
  }
  for (const [index, mapping] of (knowsMappings ? (mappings ?? []) : []).entries()) {
    if (mappingNames.includes(mapping)) continue;
    const place = [...here, 'mappings', index];
    faults.add(place, `there is no mapping "${mapping}" in this file.${suggestion(mapping, mappingNames)}`);
  }
  return {
    name,
    title: shape.title ?? null,
    on,
    mappings: mappings ?? null,
    thresholdPercent: threshold ?? null,
    channels: channels.flatMap(readChannel),
    enabled,
  };
}

function readChannel({ webhook, email, slack }: ShapedChannel): readonly AlertChannel[] {
  if (webhook !== undefined) {
    const { url, secret } = webhook;
    return [{ webhook: { url, ...(secret !== undefined && { secret }) } }];
  }
  if (slack !== undefined) return [{ slack }];
  return email === undefined ? [] : [{ email }];
}
