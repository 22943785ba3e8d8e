/**
 * The test of a connection. In: the settings of a destination. Out: whether its Public API takes the token, and if not why,
 * in plain words: the token, its permission and the network are told apart. Nothing is thrown for it.
 */
import { isJsonObject, type JsonObject } from '../base/json.ts';
import { checkSettings } from './check-settings.ts';
import {
  openPublicApi,
  type PublicApiAnswer,
  type PublicApiClient,
  type PublicApiLimits,
} from './public-api-client.ts';
import { type BaseUrls, publicApiUrlOf } from './region-urls.ts';
import { readSpaceSources, withoutKeys } from './space-sources.ts';

export interface ConnectionOptions {
  /** Other Public APIs than the vendor's: `regionUrls(config).publicApi`. */
  readonly publicApiUrls?: BaseUrls;
  readonly limits?: Partial<PublicApiLimits>;
  readonly signal?: AbortSignal;
}

export type ConnectionFailure =
  /** 401. */
  | 'token_invalid'
  /** 403, or a good token that sees no write key of a space. */
  | 'permission_missing'
  | 'network_failed'
  /** The settings do not say what to ask, or as whom. Nothing was sent. */
  | 'settings_invalid'
  /** Something answered, though not as a Public API does. */
  | 'answer_unexpected';

export type ConnectionTest =
  /** `workspace` is the name the Public API gives; null for this server, and where there is none. */
  | { readonly ok: true; readonly workspace: string | null }
  | { readonly ok: false; readonly code: ConnectionFailure; readonly reason: string };

/** `GET /` of the Public API that the endpoint means, then a look for a write key. The endpoint `local` needs no connection. */
export async function testConnection(settings: JsonObject, options: ConnectionOptions = {}): Promise<ConnectionTest> {
  if (isLocal(settings)) return { ok: true, workspace: null };
  const access = accessOf(settings, options);
  if (!access.ok) return { ok: false, code: 'settings_invalid', reason: access.reason };
  await using api = await openPublicApi(access);
  const answer = await api.get('/');
  if (answer.kind !== 'ok') return { ok: false, ...failureOf(answer, access.baseUrl) };
  const lack = await missingPermission(api, access.baseUrl);
  if (lack !== null) return { ok: false, code: 'permission_missing', reason: lack };
  return { ok: true, workspace: workspaceIn(answer.body) };
}

const pagesLookedAt = 20;

/**
 * A token may be good and yet see no write key of a space, or no source at all. Null: it sees one, or it cannot be told,
 * which is not held against the connection.
 */
async function missingPermission(api: PublicApiClient, baseUrl: string): Promise<string | null> {
  const read = await readSpaceSources(api, baseUrl, pagesLookedAt, ({ writeKey }) => writeKey !== null);
  if (read.kind === 'read') {
    const { spaces } = read;
    const isFine = spaces.length === 0 || spaces.some(({ writeKey }) => writeKey !== null);
    return isFine ? null : withoutKeys(spaces.length);
  }
  if (read.kind !== 'refused' || read.answer.kind !== 'refused') return null;
  const { status, message } = read.answer;
  if (status !== 401 && status !== 403) return null;
  const said = message === null ? '' : ` The Public API says: ${message}`;
  return `The token has no Source Admin permission: it may not list sources.${said}`;
}

/** Settings without an endpoint mean this server. */
export function isLocal(settings: JsonObject): boolean {
  return (settings.endpoint ?? 'local') === 'local';
}

export type Access =
  | {
      readonly ok: true;
      readonly baseUrl: string;
      readonly token: string;
      readonly limits: Partial<PublicApiLimits>;
      readonly signal: AbortSignal | undefined;
    }
  | { readonly ok: false; readonly reason: string };

/** What to ask and as whom, from settings of another endpoint than `local`. */
export function accessOf(settings: JsonObject, { publicApiUrls, limits = {}, signal }: ConnectionOptions): Access {
  const faults = checkSettings(settings).filter(({ where }) => where !== 'tracking_url');
  if (faults.length > 0) {
    const list = faults.map(({ where, message }) => (message.startsWith(where) ? message : `${where} ${message}.`));
    return { ok: false, reason: list.join(' ') };
  }
  const baseUrl = publicApiUrlOf(settings, publicApiUrls);
  if (baseUrl === null) {
    const reason = `public_api_url is not set, so there is no Public API to ask for the endpoint ${settings.endpoint}.`;
    return { ok: false, reason };
  }
  const { segment_papi_token: token } = settings;
  if (typeof token !== 'string' || token === '') {
    return { ok: false, reason: 'segment_papi_token is not set, and a Public API answers nobody without a token.' };
  }
  return { ok: true, baseUrl, token, limits, signal };
}

/** What an answer that is not the expected one means, in plain words. */
export function failureOf(
  answer: Exclude<PublicApiAnswer, { kind: 'ok' }>,
  baseUrl: string,
): { readonly code: ConnectionFailure; readonly reason: string } {
  switch (answer.kind) {
    case 'network':
      return { code: 'network_failed', reason: answer.reason };
    case 'unusable': {
      const reason = `${baseUrl} answers, but not as a Public API does: ${answer.reason}. Check the URL.`;
      return { code: 'answer_unexpected', reason };
    }
    case 'refused': {
      const { status, message } = answer;
      const said = message === null ? '' : ` The Public API says: ${message}`;
      if (status === 401) {
        const help =
          'Copy it again, check that it was not revoked, and that the endpoint is the region of its workspace.';
        return { code: 'token_invalid', reason: `The token is not valid. ${help}${said}` };
      }
      if (status === 403) {
        return { code: 'permission_missing', reason: `The token has no Source Admin permission.${said}` };
      }
      return { code: 'answer_unexpected', reason: `${baseUrl} answered with the status ${status}.${said}` };
    }
    default:
      return answer satisfies never;
  }
}

function workspaceIn({ data }: JsonObject): string | null {
  const workspace = isJsonObject(data) ? data.workspace : undefined;
  const name = isJsonObject(workspace) ? workspace.name : undefined;
  return typeof name === 'string' ? name : null;
}
