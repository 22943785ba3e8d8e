/**
 * The choices of the dynamic field `engage_space`. In: the settings of a destination. Out: the profile spaces of its endpoint,
 * by the names of their sources, each with a write key; or, with the same type, no choices and the reason. Promised: nothing is
 * thrown for what another server does; pages come to an end whatever their cursors say.
 */
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import type { Space } from '../workspace/workspace.ts';
import { accessOf, type ConnectionOptions, failureOf, isLocal } from './connection.ts';
import { openPublicApi, type PublicApiAnswer, type PublicApiClient } from './public-api-client.ts';

export interface FieldChoice {
  readonly label: string;
  readonly value: string;
}

export interface DynamicChoices {
  readonly choices: readonly FieldChoice[];
  /** Why there are no choices; null when there are. `code` is a status, or a name of ours. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface SpaceOptions extends ConnectionOptions {
  /** The spaces of this server, for the endpoint `local`. */
  readonly localSpaces: () => Promise<readonly Pick<Space, 'id' | 'sourceName' | 'writeKey'>[]>;
  /** Which of them are offered; all when it is left out. */
  readonly mayConnect?: (spaceId: string) => boolean;
  /** Pages of ten sources that are read at most. */
  readonly mostPages?: number;
}

const firstCursor = 'MA==';
const pageSize = '10';
const usualMostPages = 500;

export async function listProfileSpaces(settings: JsonObject, options: SpaceOptions): Promise<DynamicChoices> {
  if (isLocal(settings)) return localChoices(options);
  const access = accessOf(settings, options);
  if (!access.ok) return failed('settings_invalid', access.reason);
  await using api = await openPublicApi(access);
  const read = await readSources(api, access.baseUrl, options.mostPages ?? usualMostPages);
  return read.ok ? choicesOf(read.spaces) : read.failed;
}

async function localChoices({ localSpaces, mayConnect = () => true }: SpaceOptions): Promise<DynamicChoices> {
  const spaces = await localSpaces();
  if (spaces.length === 0) {
    return failed('no_space', 'This server has no profile space yet. Make one in a workspace file.');
  }
  const choices = spaces
    .filter(({ id }) => mayConnect(id))
    .map((space) => ({ label: space.sourceName, value: space.writeKey }));
  if (choices.length > 0) return { choices, error: null };
  return failed(
    'permission_missing',
    'You may connect none of the profile spaces of this server. It takes Source Admin at the source of a space, or the admin of the space.',
  );
}

function failed(code: string, message: string): DynamicChoices {
  return { choices: [], error: { code, message } };
}

/** What is kept of a source; its settings may be large. */
interface SpaceSource {
  readonly label: string;
  readonly writeKey: string | null;
}

type Read =
  | { readonly ok: true; readonly spaces: readonly SpaceSource[] }
  | { readonly ok: false; readonly failed: DynamicChoices };

/** The sources that stand for profile spaces, of all pages. */
async function readSources(api: PublicApiClient, baseUrl: string, mostPages: number): Promise<Read> {
  const spaces: SpaceSource[] = [];
  const seen = new Set<string>();
  for (let cursor: string | null = firstCursor; cursor !== null; ) {
    if (seen.size >= mostPages) return stop(`There are more than ${mostPages} pages of sources; no more are read.`);
    seen.add(cursor);
    const answer = await api.get('/sources', { 'pagination[count]': pageSize, 'pagination[cursor]': cursor });
    if (answer.kind !== 'ok') return { ok: false, failed: refusal(answer, baseUrl) };
    const page = pageOf(answer.body);
    if (page === null) return stop(`${baseUrl} answers, but not with a list of sources. Check the URL.`);
    spaces.push(...page.sources.filter(isProfileSpace).map(spaceOf));
    cursor = page.next;
    if (cursor !== null && seen.has(cursor)) return stop('The pages of sources go in a circle: a cursor came twice.');
  }
  return { ok: true, spaces };
}

function stop(message: string): Read {
  return { ok: false, failed: failed('answer_unexpected', message) };
}

/** The API's own words where it has some. */
function refusal(answer: Exclude<PublicApiAnswer, { kind: 'ok' }>, baseUrl: string): DynamicChoices {
  if (answer.kind === 'refused' && answer.message !== null) return failed(String(answer.status), answer.message);
  const { code, reason } = failureOf(answer, baseUrl);
  return failed(answer.kind === 'refused' ? String(answer.status) : code, reason);
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

function choicesOf(spaces: readonly SpaceSource[]): DynamicChoices {
  const choices = spaces.flatMap(({ label, writeKey }) => (writeKey === null ? [] : [{ label, value: writeKey }]));
  if (choices.length > 0) return { choices, error: null };
  if (spaces.length === 0) {
    return failed(
      'no_space',
      'The token sees no profile space. If there is one, the token needs Source Admin at the sources of spaces, or at all sources.',
    );
  }
  const seen = spaces.length === 1 ? 'one profile space' : `${spaces.length} profile spaces`;
  return failed(
    'permission_missing',
    `The token has no Source Admin permission: it sees ${seen}, but no write key. Make a token with that permission.`,
  );
}
