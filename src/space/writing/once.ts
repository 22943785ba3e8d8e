/** What messages are known by, and people's ids where only their equality counts: hashes of fixed size. */
import { hash } from 'node:crypto';

/** How long a space remembers a message: a second copy within this time is dropped. */
export const onceMs = 24 * 60 * 60 * 1000;

/** The first 16 bytes of SHA-256 in hex, which Postgres takes as a `uuid`. */
export function hashOf(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32);
}
