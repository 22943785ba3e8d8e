/**
 * The assertion by which an app proves who it is: a JWT signed with RS256 (RFC 7523 section 3; `docs/tracking-api.md`,
 * "OAuth"). In: the text, and the key that it names. Out: its id and end, or why it is refused. Promised: nothing of it is
 * believed before its signature is checked, with that key and that algorithm alone.
 */
import { createPublicKey } from 'node:crypto';
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import type { SigningKey } from '../../workspace/workspace.ts';
import { malformed, type OauthRefusal, unproven } from './answers.ts';

export interface Proof {
  readonly kind: 'proof';
  readonly jti: string;
  /** From then on it would be refused by its time. */
  readonly end: Date;
}

export interface AssertionRules {
  readonly key: SigningKey;
  /** Hosts, with ports, by which the server may be addressed. */
  readonly hosts: readonly string[];
  readonly now: Date;
}

/** `exp` may be this long after `iat`. */
const longestLife = 60;
/** How far the clock of a sender may be off. */
const tolerance = 10;
/** Times with fractions do not add up exactly. */
const rounding = 0.01;
const longestJti = 256;

const notJwt = malformed('The client_assertion is not a JWT.');

/** The key id in the header, of which nothing is proven yet. */
export function namedKey(assertion: string): { readonly kind: 'key'; readonly keyId: string } | OauthRefusal {
  let header: { readonly kid?: unknown; readonly alg?: unknown };
  try {
    header = decodeProtectedHeader(assertion);
  } catch {
    return notJwt;
  }
  if (header.alg !== 'RS256') return unproven('The assertion must be signed with RS256.');
  if (typeof header.kid !== 'string') return unproven('The assertion names no key: kid is missing in its header.');
  return { kind: 'key', keyId: header.kid };
}

export async function checkAssertion(assertion: string, rules: AssertionRules): Promise<Proof | OauthRefusal> {
  const { key, now } = rules;
  let claims: JWTPayload;
  try {
    ({ payload: claims } = await jwtVerify(assertion, createPublicKey(key.pem), {
      algorithms: ['RS256'],
      clockTolerance: tolerance,
      currentDate: now,
      requiredClaims: ['sub', 'aud', 'iat', 'exp', 'jti'],
    }));
  } catch (error) {
    return refusalOf(error);
  }
  return checkClaims(claims, rules);
}

function refusalOf(error: unknown): OauthRefusal {
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return unproven('The signature of the assertion is not that of the key it names.');
  }
  if (error instanceof errors.JWTExpired) {
    return unproven('The assertion has expired; make one for each request, and check the clock of the sender.');
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const what = error.reason === 'missing' ? 'is missing' : 'has a wrong value';
    return unproven(`The claim ${error.claim} of the assertion ${what}.`);
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return notJwt;
  if (error instanceof errors.JOSEError) return unproven('The assertion uses something of JWT that is not taken here.');
  throw error;
}

function checkClaims({ sub, aud, iat = 0, exp = 0, jti }: JWTPayload, rules: AssertionRules): Proof | OauthRefusal {
  const { key, hosts, now } = rules;
  if (sub !== key.appId) return unproven('The assertion names another app in sub than the one that has its key.');
  if (![aud].flat().some((one) => isAddressedTo(one, hosts))) {
    return unproven('The assertion is addressed to another server: aud must be the URL of this one.');
  }
  if (iat > now.getTime() / 1000 + tolerance) {
    return unproven('The assertion comes from the future by its iat; check the clock of the sender.');
  }
  if (exp - iat > longestLife + rounding) {
    return unproven(`The assertion is made for too long: exp may be ${longestLife} seconds after iat.`);
  }
  if (typeof jti !== 'string' || jti === '' || jti.length > longestJti) {
    return unproven(`The claim jti of the assertion must be a text of 1 to ${longestJti} characters.`);
  }
  return { kind: 'proof', jti, end: new Date((exp + tolerance + 1) * 1000) };
}

/** A host, or a URL of it: bare, or that of the token service. Which of http and https is used is the proxy's business. */
function isAddressedTo(aud: unknown, hosts: readonly string[]): boolean {
  if (typeof aud !== 'string') return false;
  const url = urlOf(/^https?:\/\//i.test(aud) ? aud : `https://${aud}`);
  if (url === null || !/^\/*(token\/?)?$/.test(url.pathname)) return false;
  // The port that a scheme has anyway may be left out.
  return hosts.some((host) => urlOf(`${url.protocol}//${host}`)?.host === url.host);
}

function urlOf(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
