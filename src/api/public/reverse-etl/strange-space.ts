/** Whether a mapping names, outright, a space that is not here though its messages stay here. Pure. */
import type { JsonObject } from '../../../base/json.ts';
import { namedSpace, type Space } from '../../../workspace/workspace.ts';

export function isStrangeSpace(
  fields: JsonObject,
  { endpoint = 'local' }: JsonObject,
  spaces: readonly Space[],
): boolean {
  const named = namedSpace(fields.engage_space);
  if (named === null || named === '' || endpoint !== 'local') return false;
  return !spaces.some(({ id, name, writeKey }) => [id, name, writeKey].includes(named));
}
