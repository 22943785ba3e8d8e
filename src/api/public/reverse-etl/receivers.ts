/**
 * Who would get a stored secret. In: settings before and after a change, and what the request gave. Out: a fault for the
 * secret that would go to somebody else than the one it was given for, unless the request gives it too. Whoever may change
 * settings may not read secrets, and naming a host of one's own would be reading them. Pure.
 */
import type { JsonObject } from '../../../base/json.ts';
import type { Source } from '../../../workspace/workspace.ts';
import type { InputFault } from '../errors.ts';
import { isMask } from '../masks.ts';

function again(field: string): InputFault {
  return { field, message: `"${field}" must be given again, since it would go to another host` };
}

function isSecret(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** True when the request says what the secret is to be, also that there is to be none. */
function isGiven(given: JsonObject, name: string): boolean {
  return given[name] !== undefined && !isMask(given[name]);
}

/** The token of a destination goes to the Public API that its endpoint means. */
export function destinationSecretFaults(
  before: JsonObject,
  after: JsonObject,
  given: JsonObject,
): readonly InputFault[] {
  const name = 'segment_papi_token';
  if (!isSecret(before[name]) || isGiven(given, name)) return [];
  const receiver = publicApiOf(after);
  return receiver === null || receiver === publicApiOf(before) ? [] : [again(`settings.${name}`)];
}

/** Null: nobody is asked. */
function publicApiOf({ endpoint, public_api_url }: JsonObject): string | null {
  if (endpoint === undefined || endpoint === null || endpoint === 'local') return null;
  const named = endpoint === 'custom' ? public_api_url : undefined;
  if (endpoint === 'custom' && !isSecret(named)) return null;
  return JSON.stringify([endpoint, named]);
}

/** The password of a warehouse goes to its server; with a weaker check of who that is, perhaps to another. */
export function sourceSecretFaults(
  engine: Source['engine'],
  before: JsonObject,
  after: JsonObject,
  given: JsonObject,
): readonly InputFault[] {
  if (engine !== 'postgres' || !isSecret(before.password) || isGiven(given, 'password')) return [];
  const server = serverOf(after);
  const trusted = trustOf(before);
  const isSame = server === serverOf(before) && (trusted === null || trusted === trustOf(after));
  return server === null || isSame ? [] : [again('settings.password')];
}

function serverOf({ host, port }: JsonObject): string | null {
  return typeof host === 'string' ? JSON.stringify([host.toLowerCase(), port ?? 5432]) : null;
}

/** By what the server proves who it is; null when it proves nothing. */
function trustOf({ ssl, ca }: JsonObject): string | null {
  return ssl === 'verify-ca' || ssl === 'verify-full' ? JSON.stringify([ssl, ca]) : null;
}
