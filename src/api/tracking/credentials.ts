/** The write key of a request (`tracking-api.md` section 3). */
import { isJsonObject, type JsonObject } from '../../base/json.ts';

/** The user name of HTTP Basic; the colon may be missing. Null for another kind of header. */
export function keyOfHeader(authorization: string | undefined): string | null {
  const encoded = authorization === undefined ? undefined : /^basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(authorization)?.[1];
  if (encoded === undefined) return null;
  const credentials = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = credentials.indexOf(':');
  return (colon < 0 ? credentials : credentials.slice(0, colon)) || null;
}

/** Of header, body and first item of a batch, the first that has one. Null when none has. */
export function writeKeyOf(authorization: string | undefined, body: JsonObject): string | null {
  const header = keyOfHeader(authorization);
  if (header !== null) return header;
  if (isKey(body.writeKey)) return body.writeKey;
  const [first] = Array.isArray(body.batch) ? body.batch : [];
  return isJsonObject(first) && isKey(first.writeKey) ? first.writeKey : null;
}

/** The token of `Authorization: Bearer …`; null for another kind of header. */
export function bearerTokenOf(authorization: string | undefined): string | null {
  return authorization === undefined ? null : (/^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? null);
}

function isKey(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
