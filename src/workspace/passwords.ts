/**
 * Passwords. In: a password. Out: a text to store, or whether it is the one that was stored. Promised: the parameters
 * stand beside each hash, so that stronger ones can follow and old hashes still be read; comparing takes the same time
 * whatever differs; without a stored hash the same work is done; no more than a few hashes are made at once.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { MillraceError } from '../base/errors.ts';

export interface Passwords {
  /** Error: `sign_in_busy`. */
  hash(password: string): Promise<string>;
  /** Null for `stored`: nobody is there; the answer is no, after the same work. Error: `sign_in_busy`. */
  verify(password: string, stored: string | null): Promise<PasswordCheck>;
}

export interface PasswordCheck {
  readonly isRight: boolean;
  /** Made with other parameters than those of today: hash it anew. */
  readonly isOutdated: boolean;
}

export interface ScryptParameters {
  /** The cost is two to this power. */
  readonly logCost: number;
  readonly blockSize: number;
  readonly parallel: number;
}

/** As OWASP's cheat sheet on password storage has it for 32 MB a hash; the same work as its first choice, in less memory. */
export const usualParameters: ScryptParameters = { logCost: 15, blockSize: 8, parallel: 3 };

const saltBytes = 16;
const hashBytes = 32;
const mostAtOnce = 2;
/** Each takes a quarter of a second or so: who comes later would wait for too long. */
const mostWaiting = 32;

export const shortestPassword = 12;
export const longestPassword = 256;

/** What is wrong with a new password, as the end of a sentence that begins with it; null when nothing is. */
export function passwordFault(password: string, email: string): string | null {
  const length = [...password].length;
  if (length < shortestPassword) return `must have at least ${shortestPassword} characters`;
  if (length > longestPassword) return `must have at most ${longestPassword} characters`;
  if (password.toLowerCase() === email.toLowerCase()) return 'must not be the e-mail address';
  if (new Set(password).size < 4) return 'must have at least four different characters';
  return null;
}

export function createPasswords(parameters: ScryptParameters = usualParameters): Passwords {
  const turns = new Turns();
  const derive = (password: string, salt: Buffer, with_: ScryptParameters): Promise<Buffer> =>
    turns.take(() => deriveKey(password, salt, with_));
  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      const key = await derive(password, salt, parameters);
      return written(parameters, salt, key);
    },
    async verify(password, stored) {
      const known = stored === null ? null : read(stored);
      const salt = known?.salt ?? Buffer.alloc(saltBytes);
      const key = await derive(password, salt, known?.parameters ?? parameters);
      const isRight = timingSafeEqual(key, known?.key ?? Buffer.alloc(hashBytes)) && known !== null;
      const isOutdated = known !== null && !isSame(known.parameters, parameters);
      return { isRight, isOutdated };
    },
  };
}

/** The same password typed on two keyboards may be two sequences of characters; NFKC makes them one. */
function deriveKey(password: string, salt: Buffer, { logCost, blockSize, parallel }: ScryptParameters) {
  const options = {
    N: 2 ** logCost,
    r: blockSize,
    p: parallel,
    maxmem: 256 * 2 ** logCost * blockSize,
  };
  return new Promise<Buffer>((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, hashBytes, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

const isSame = (a: ScryptParameters, b: ScryptParameters): boolean =>
  a.logCost === b.logCost && a.blockSize === b.blockSize && a.parallel === b.parallel;

/** `scrypt$15$8$3$SALT$KEY`. */
function written({ logCost, blockSize, parallel }: ScryptParameters, salt: Buffer, key: Buffer): string {
  return ['scrypt', logCost, blockSize, parallel, salt.toString('base64url'), key.toString('base64url')].join('$');
}

const form = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;

function read(stored: string) {
  const [, logCost, blockSize, parallel, salt = '', key = ''] = form.exec(stored) ?? [];
  if (logCost === undefined) throw new MillraceError('internal', 'A stored password has a form that is not known.');
  return {
    parameters: { logCost: Number(logCost), blockSize: Number(blockSize), parallel: Number(parallel) },
    salt: Buffer.from(salt, 'base64url'),
    key: Buffer.from(key, 'base64url'),
  };
}

/** A few at once, the others in order, so that trying passwords costs a server neither its memory nor its threads. */
class Turns {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= mostAtOnce) {
      if (this.#waiting.length >= mostWaiting) {
        throw new MillraceError('sign_in_busy', 'Too many people sign in at this moment.');
      }
      // Whoever ends hands its place on, so nobody comes in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
