/**
 * Public keys as people hand them over. In: a PEM text. Out: the same key in one form, with its fingerprint. Promised: what
 * is kept is an RSA key of a usual size; a private key is refused and is never repeated in an error.
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { MillraceError } from '../base/errors.ts';

export interface PublicKey {
  /** SubjectPublicKeyInfo (`-----BEGIN PUBLIC KEY-----`). */
  readonly pem: string;
  /** SHA-256 of the same in DER. */
  readonly fingerprint: Buffer;
}

const leastBits = 2048;
/** Larger ones cost time for each request and protect nothing more. */
const mostBits = 8192;
const longestPem = 20_000;

/** Error: `oauth_key_invalid`. */
export function readPublicKey(text: string): PublicKey {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw invalid('This is a private key.', {
      help: 'Keep it where it is used, and give its public half: openssl pkey -in private.pem -pubout -out public.pem',
    });
  }
  if (!/^\s*-----BEGIN (RSA )?PUBLIC KEY-----[\s\S]*-----END \1?PUBLIC KEY-----\s*$/.test(text)) {
    throw invalid('This is no public key in PEM form: it must begin with -----BEGIN PUBLIC KEY-----.');
  }
  const key = parsed(text);
  if (key.asymmetricKeyType !== 'rsa') {
    throw invalid(
      `The key is of the type ${key.asymmetricKeyType}; assertions are signed with RS256, which needs RSA.`,
    );
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < leastBits || bits > mostBits) {
    throw invalid(`The key has ${bits} bits; an RSA key must have ${leastBits} to ${mostBits}.`);
  }
  const der = key.export({ type: 'spki', format: 'der' });
  const pem = key.export({ type: 'spki', format: 'pem' }).toString();
  return { pem, fingerprint: createHash('sha256').update(der).digest() };
}

function parsed(text: string): KeyObject {
  try {
    // The library reads the first key of several, and says nothing of the others.
    if (text.length <= longestPem && text.split('-----BEGIN ').length === 2) return createPublicKey(text);
  } catch {
    // The error of the library names its own functions, and helps nobody.
  }
  throw invalid('The public key cannot be read: its PEM text is damaged, or holds more than one key.');
}

function invalid(message: string, more?: { readonly help: string }): MillraceError {
  return new MillraceError('oauth_key_invalid', message, more);
}
