/** HTTP Basic authentication (RFC 7617), as clients send it: in base64 or base64url, some without the colon. */
export interface BasicCredentials {
  readonly user: string;
  /** Empty, too, when there is no colon. */
  readonly password: string;
}

/** Null for a header of another kind. */
export function readBasic(authorization: string): BasicCredentials | null {
  const encoded = /^basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(authorization)?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? { user: text, password: '' } : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
