/** Write keys: what senders of messages name an event stream or a space by. */
import { randomBytes } from 'node:crypto';
import { MillraceError } from '../base/errors.ts';

const form = /^[A-Za-z0-9_-]{1,200}$/;

/** What a write key must be, as the end of a sentence. */
export const writeKeyRule = 'be 1 to 200 letters, digits, _ and -';

export function isWriteKey(text: string): boolean {
  return form.test(text);
}

/** Error: `write_key_invalid`. */
export function checkWriteKey(text: string): void {
  if (!isWriteKey(text)) throw new MillraceError('write_key_invalid', `A write key must ${writeKeyRule}.`);
}

const characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** 32 characters of base 62, as the vendor's are: about 190 bits. */
export function newWriteKey(): string {
  let key = '';
  while (key.length < 32) {
    // Bytes from 248 on would favour the first characters.
    for (const byte of randomBytes(48)) if (byte < 248 && key.length < 32) key += characters[byte % 62];
  }
  return key;
}
