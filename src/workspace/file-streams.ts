/** The event streams of a workspace file. */

import { suggestion } from '../base/near-names.ts';
import type { EventStreamDefinition } from './definitions.ts';
import type { FaultList } from './file-faults.ts';
import type { Shaped } from './file-shape.ts';
import { isWriteKey, writeKeyRule } from './write-keys.ts';

/** `taken` holds the write keys of the streams before this one, and gets its own. */
export function readEventStream(
  name: string,
  shape: Shaped<'event_streams'>,
  spaceNames: readonly string[],
  taken: Map<string, string>,
  faults: FaultList,
): EventStreamDefinition {
  const here = ['event_streams', name];
  const { spaces, client_side: clientSide, oauth_enforced: oauthEnforced, write_key: writeKey, enabled } = shape;
  for (const [index, space] of spaces.entries()) {
    const place = [...here, 'spaces', index];
    if (!spaceNames.includes(space)) {
      faults.add(place, `there is no space "${space}" in this file.${suggestion(space, spaceNames)}`);
    } else if (spaces.indexOf(space) !== index) {
      faults.add(place, `the space "${space}" is in the list twice.`);
    }
  }
  if (writeKey !== undefined) {
    const place = [...here, 'write_key'];
    const owner = taken.get(writeKey);
    if (!isWriteKey(writeKey)) faults.add(place, `a write key must ${writeKeyRule}.`);
    else if (owner !== undefined) faults.add(place, `the event stream "${owner}" has this write key too.`);
    else taken.set(writeKey, name);
  }
  return { name, title: shape.title ?? null, spaces, clientSide, oauthEnforced, writeKey: writeKey ?? null, enabled };
}
