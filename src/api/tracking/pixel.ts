/** The pixel routes: a message in a query string, answered with an image whatever it holds (`tracking-api.md` section 16). */
import type { Json, JsonObject } from '../../base/json.ts';
import { parseObject } from './body.ts';

/** A transparent GIF of one pixel. */
export const pixel = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

/** `data` as base64 JSON, or plain parameters whose dots nest; null when it is neither. */
export function messageOfQuery(search: URLSearchParams): JsonObject | null {
  const data = search.get('data');
  if (data !== null) {
    // A plus that was not escaped arrives as a blank.
    const message = parseObject(Buffer.from(data.replaceAll(' ', '+'), 'base64'));
    const writeKey = search.get('writeKey');
    if (message.kind === 'refusal') return null;
    return writeKey === null || message.body.writeKey !== undefined ? message.body : { ...message.body, writeKey };
  }
  const message: Nested = new Map();
  for (const [name, value] of search) {
    const path = name.split('.');
    if (path.length > deepestPath || !put(message, path, value)) return null;
  }
  return message.size === 0 ? null : plain(message);
}

const deepestPath = 20;

type Nested = Map<string, Nested | string>;

/** False where the path runs into a value. */
function put(into: Nested, path: readonly string[], value: string): boolean {
  const [step, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    if (into.get(step) instanceof Map) return false;
    into.set(step, value);
    return true;
  }
  const below = into.get(step) ?? new Map();
  if (!(below instanceof Map)) return false;
  into.set(step, below);
  return put(below, rest, value);
}

function plain(nested: Nested): JsonObject {
  const entries = [...nested].map(([key, value]): [string, Json] => [key, value instanceof Map ? plain(value) : value]);
  return Object.fromEntries(entries);
}
