/** The parameters of a token request (RFC 6749 section 4.4.2, RFC 7523 section 2.2). */
import { malformed, type OauthRefusal } from './answers.ts';

export interface TokenForm {
  readonly kind: 'form';
  readonly assertion: string;
  /** What was asked for; null: whatever the app has. */
  readonly scopes: readonly string[] | null;
  /** Must be that of the assertion when it is given. */
  readonly clientId: string | null;
}

const grantType = 'client_credentials';
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const known = ['grant_type', 'client_assertion_type', 'client_assertion', 'scope', 'client_id'] as const;

/** @param body as it came, URL-encoded */
export function readForm(body: string): TokenForm | OauthRefusal {
  const given = new URLSearchParams(body);
  for (const name of known) {
    if (given.getAll(name).length > 1) return malformed(`The parameter ${name} is given more than once.`);
  }
  // A parameter without a value is as good as none.
  const value = (name: (typeof known)[number]) => given.get(name) || null;
  const [grant, type, assertion] = [value('grant_type'), value('client_assertion_type'), value('client_assertion')];
  if (grant === null) return malformed('The parameter grant_type is missing.');
  if (grant !== grantType) return malformed(`The grant_type must be ${grantType}.`, 'unsupported_grant_type');
  if (type === null) return malformed('The parameter client_assertion_type is missing.');
  if (type !== assertionType) return malformed(`The client_assertion_type must be ${assertionType}.`);
  if (assertion === null) return malformed('The parameter client_assertion is missing.');
  const scopes =
    value('scope')
      ?.split(' ')
      .filter((scope) => scope !== '') ?? null;
  return { kind: 'form', assertion, scopes, clientId: value('client_id') };
}
