/** A destination as the API shows it. */
import type { segmentProfiles } from '../../../destination/destination.ts';
import { type Destination, maskSettings, secretShown } from '../../../workspace/workspace.ts';
import { maskOf } from '../masks.ts';
import { destinationMetadata } from './catalog.ts';

export function destinationBody(facts: typeof segmentProfiles, destination: Destination) {
  const { id, name, title, enabled, sourceId, settings, endpointIsGiven } = destination;
  const { endpoint, ...others } = settings;
  const shown = Object.fromEntries(
    Object.entries(maskSettings(endpointIsGiven ? { endpoint, ...others } : others)).map(([key, value]) => [
      key,
      value === secretShown ? maskOf(String(settings[key])) : value,
    ]),
  );
  return { id, name: title ?? name, enabled, metadata: destinationMetadata(facts), sourceId, settings: shown };
}
