/** A destination as the API shows it. */
import type { segmentProfiles } from '../../destination/destination.ts';
import { type Destination, maskSettings } from '../../workspace/workspace.ts';
import { destinationMetadata } from './catalog.ts';

const secretMark = '(set)';
const bullets = '•'.repeat(10);
/** With fewer characters its last four would say too much. */
const shortest = 16;

export function destinationBody(facts: typeof segmentProfiles, destination: Destination) {
  const { id, name, title, enabled, sourceId, settings, endpointIsGiven } = destination;
  const { endpoint, ...others } = settings;
  const shown = Object.fromEntries(
    Object.entries(maskSettings(endpointIsGiven ? { endpoint, ...others } : others)).map(([key, value]) => [
      key,
      value === secretMark ? maskOf(String(settings[key])) : value,
    ]),
  );
  return { id, name: title ?? name, enabled, metadata: destinationMetadata(facts), sourceId, settings: shown };
}

/** As the vendor shows them; of a short one not even its end. */
function maskOf(secret: string): string {
  return secret.length < shortest ? bullets : `${bullets}${secret.slice(-4)}`;
}
