/** A destination as the API shows it. */
import type { segmentProfiles } from '../../destination/destination.ts';
import { type Destination, maskSettings } from '../../workspace/workspace.ts';
import { destinationMetadata } from './catalog.ts';

const secretMark = '(set)';
const bullets = '•'.repeat(10);

export function destinationBody(facts: typeof segmentProfiles, destination: Destination) {
  const { id, name, title, enabled, sourceId, settings, endpointIsGiven } = destination;
  const { endpoint, ...others } = settings;
  const shown = Object.fromEntries(
    Object.entries(maskSettings(endpointIsGiven ? { endpoint, ...others } : others)).map(([key, value]) => [
      key,
      value === secretMark ? `${bullets}${String(settings[key]).slice(-4)}` : value,
    ]),
  );
  return { id, name: title ?? name, enabled, metadata: destinationMetadata(facts), sourceId, settings: shown };
}
