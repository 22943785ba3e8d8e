/**
 * Which settings are secret: by their name (`password`, `segment_papi_token`, `ssl_key` …) or by what they hold (a URL with
 * credentials). In: settings. Out: the part that may be stored and shown, and the part that must be sealed.
 */
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import { nameInFile } from './setting-names.ts';

export type SettingPath = readonly (string | number)[];
export interface SecretSetting {
  readonly path: SettingPath;
  readonly value: Json;
}

/** What is shown instead of a secret. */
export const secretShown = '(set)';

const secretName =
  /(^|_|-)(password|passwd|passphrase|pwd|secret|token|credentials?|(private|secret|access|api|ssl|tls|client)[_-]?key|sslkey)$/i;
const keyInTls = /^(ssl|tls)$/i;
/** Whoever has the URL of a webhook can write there. */
const urlOfHook = /^(webhook|slack)$/;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const urlWithCredentials = /:\/\/[^/?#\s@]*:[^/?#\s]+@/;
const secretParameter = /(^|[?&;\s])[\w-]*(password|token|secret|signature|credential|access_key)[\w-]*=[^\s&;]/i;

/** True when a setting of this path is secret whatever it holds. */
export function isSecretName(path: SettingPath): boolean {
  const name = nameInFile(String(path.at(-1)));
  if (name === 'url' && urlOfHook.test(String(path.at(-2)))) return true;
  return secretName.test(name) || (name === 'key' && (path.length === 1 || keyInTls.test(String(path.at(-2)))));
}

/** True for text that carries credentials: a URL with a password, a `password=` parameter, a private key. */
export function holdsCredentials(text: string): boolean {
  return urlWithCredentials.test(text) || secretParameter.test(text) || privateKey.test(text);
}

/** Every secret in settings, with its path. Null and empty text are no secrets. */
export function secretsOf(settings: JsonObject): readonly SecretSetting[] {
  const found: SecretSetting[] = [];
  walk(settings, [], found);
  return found;
}

function walk(value: Json, path: SettingPath, found: SecretSetting[]): void {
  if (value === null || value === '') return;
  if (path.length > 0 && isSecretName(path)) {
    found.push({ path, value });
  } else if (typeof value === 'string') {
    if (holdsCredentials(value)) found.push({ path, value });
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) walk(item as Json, [...path, index], found);
  } else if (isJsonObject(value)) {
    for (const [key, item] of Object.entries(value)) if (item !== undefined) walk(item, [...path, key], found);
  }
}

/** The settings with `(set)` in the place of every secret: for anything printed. */
export function maskSettings(settings: JsonObject): JsonObject {
  return replaceAt(
    settings,
    secretsOf(settings).map(({ path }) => ({ path, value: secretShown })),
  );
}

/** The settings with null in the place of every secret: for storing beside the sealed ones. */
export function withoutSecrets(settings: JsonObject): JsonObject {
  return replaceAt(
    settings,
    secretsOf(settings).map(({ path }) => ({ path, value: null })),
  );
}

/** A copy of the settings with these values in their places. */
export function replaceAt(settings: JsonObject, replacements: readonly SecretSetting[]): JsonObject {
  const copy = structuredClone(settings) as Record<string, unknown>;
  for (const { path, value } of replacements) {
    let place = copy as Record<string | number, unknown>;
    for (const step of path.slice(0, -1)) place = place[step] as Record<string | number, unknown>;
    place[path.at(-1) as string] = value;
  }
  return copy as JsonObject;
}
