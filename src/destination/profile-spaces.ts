/**
 * The choices of the dynamic field `engage_space`. In: the settings of a destination. Out: the profile spaces of its endpoint,
 * by the names of their sources, each with a write key; or, with the same type, no choices and the reason. Promised: nothing is
 * thrown for what another server does; pages come to an end whatever their cursors say.
 */
import type { JsonObject } from '../base/json.ts';
import type { Space } from '../workspace/workspace.ts';
import { accessOf, type ConnectionOptions, failureOf, isLocal } from './connection.ts';
import { openPublicApi, type PublicApiAnswer } from './public-api-client.ts';
import { readSpaceSources, type SpaceSource, withoutKeys } from './space-sources.ts';

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

const usualMostPages = 500;

export async function listProfileSpaces(settings: JsonObject, options: SpaceOptions): Promise<DynamicChoices> {
  if (isLocal(settings)) return localChoices(options);
  const access = accessOf(settings, options);
  if (!access.ok) return failed('settings_invalid', access.reason);
  await using api = await openPublicApi(access);
  const read = await readSpaceSources(api, access.baseUrl, options.mostPages ?? usualMostPages);
  switch (read.kind) {
    case 'read':
      return choicesOf(read.spaces);
    case 'refused':
      return refusal(read.answer, access.baseUrl);
    case 'stopped':
      return failed('answer_unexpected', read.reason);
    default:
      return read satisfies never;
  }
}

async function localChoices({ localSpaces, mayConnect = () => true }: SpaceOptions): Promise<DynamicChoices> {
  const spaces = await localSpaces();
  if (spaces.length === 0) {
    return failed(
      'no_space',
      'This server has no profile space yet. Make one under Unify > Spaces, or in a workspace file.',
    );
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

/** The API's own words where it has some. */
function refusal(answer: Exclude<PublicApiAnswer, { kind: 'ok' }>, baseUrl: string): DynamicChoices {
  if (answer.kind === 'refused' && answer.message !== null) return failed(String(answer.status), answer.message);
  const { code, reason } = failureOf(answer, baseUrl);
  return failed(answer.kind === 'refused' ? String(answer.status) : code, reason);
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
  return failed('permission_missing', withoutKeys(spaces.length));
}
