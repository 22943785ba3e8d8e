/**
 * The sources that stand for profile spaces, as a Public API lists them. In: a client of it. Out: each with its name and
 * write key, if the token sees one; or why the list could not be read. Promised: pages come to an end whatever their
 * cursors say.
 */
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import type { PublicApiAnswer, PublicApiClient } from './public-api-client.ts';

/** What is kept of a source; its settings may be large. */
export interface SpaceSource {
  readonly label: string;
  readonly writeKey: string | null;
}

export type SpaceSources =
  | { readonly kind: 'read'; readonly spaces: readonly SpaceSource[] }
  | { readonly kind: 'refused'; readonly answer: Exclude<PublicApiAnswer, { kind: 'ok' }> }
  | { readonly kind: 'stopped'; readonly reason: string };

const firstCursor = 'MA==';
const pageSize = '10';

/** Of all pages, or of so many as it takes until `isEnough`. */
export async function readSpaceSources(
  api: PublicApiClient,
  baseUrl: string,
  mostPages: number,
  isEnough: (space: SpaceSource) => boolean = () => false,
): Promise<SpaceSources> {
  const spaces: SpaceSource[] = [];
  const seen = new Set<string>();
  for (let cursor: string | null = firstCursor; cursor !== null && !spaces.some(isEnough); ) {
    if (seen.size >= mostPages) return stop(`There are more than ${mostPages} pages of sources; no more are read.`);
    seen.add(cursor);
    const answer = await api.get('/sources', { 'pagination[count]': pageSize, 'pagination[cursor]': cursor });
    if (answer.kind !== 'ok') return { kind: 'refused', answer };
    const page = pageOf(answer.body);
    if (page === null) return stop(`${baseUrl} answers, but not with a list of sources. Check the URL.`);
    spaces.push(...page.sources.filter(isProfileSpace).map(spaceOf));
    cursor = page.next;
    if (cursor !== null && seen.has(cursor)) return stop('The pages of sources go in a circle: a cursor came twice.');
  }
  return { kind: 'read', spaces };
}

/** What it means when so many spaces are seen, and a write key of none. */
export function withoutKeys(spaces: number): string {
  const seen = spaces === 1 ? 'one profile space' : `${spaces} profile spaces`;
  return `The token has no Source Admin permission: it sees ${seen}, but no write key. Make a token with that permission.`;
}

function stop(reason: string): SpaceSources {
  return { kind: 'stopped', reason };
}

interface Page {
  readonly sources: readonly JsonObject[];
  readonly next: string | null;
}

function pageOf({ data }: JsonObject): Page | null {
  if (!isJsonObject(data) || !Array.isArray(data.sources)) return null;
  const { pagination } = data;
  const next = isJsonObject(pagination) ? pagination.next : undefined;
  const sources = (data.sources as readonly Json[]).filter(isJsonObject);
  return { sources, next: typeof next === 'string' && next !== '' ? next : null };
}

function isProfileSpace({ metadata }: JsonObject): boolean {
  return isJsonObject(metadata) && metadata.slug === 'personas-compute';
}

const longestText = 500;

function spaceOf(source: JsonObject): SpaceSource {
  const [writeKey] = Array.isArray(source.writeKeys) ? source.writeKeys : [];
  const usable = typeof writeKey === 'string' && writeKey !== '' && writeKey.length <= longestText;
  const { name, slug, id } = source;
  const label = [name, slug, id].find((one): one is string => typeof one === 'string' && one !== '');
  return { label: (label ?? 'without a name').slice(0, longestText), writeKey: usable ? writeKey : null };
}
