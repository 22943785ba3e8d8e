/** The pixel routes: a message in a query string, answered with an image whatever it holds (`tracking-api.md` section 16). */
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';

/** A transparent GIF of one pixel. */
export const pixel = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

/** `data` as base64 JSON, or plain parameters whose dots nest; null when it is neither. */
export function messageOfQuery(search: URLSearchParams): JsonObject | null {
  const data = search.get('data');
  if (data !== null) return parse(Buffer.from(data, 'base64').toString('utf8'));
  const message: Nested = new Map();
  for (const [name, value] of search) {
    const path = name.split('.');
    if (path.length > deepestPath || !put(message, path, value)) return null;
  }
  return message.size === 0 ? null : plain(message);
}

const deepestPath = 20;

function parse(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

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
