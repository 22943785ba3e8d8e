/** The write key of a request (`tracking-api.md` section 3). */
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { readBasic } from '../basic-auth.ts';

/** Of header, body and first item of a batch, the first that has one. Null when none has. */
export function writeKeyOf(authorization: string | undefined, body: JsonObject): string | null {
  const user = authorization === undefined ? undefined : readBasic(authorization)?.user;
  if (isKey(user)) return user;
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
