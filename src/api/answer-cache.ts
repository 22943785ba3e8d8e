/**
 * What a question was answered, remembered for a second. Promised: an answer is used for at most `maxAgeMs` after the
 * question was put, so a revoked token stops working within that time; the cache never holds more than `maxEntries`; the
 * same question asked at the same moment is put once; failures are not remembered.
 */
import type { Clock } from '../base/clock.ts';

export interface CacheOptions {
  readonly clock: Clock;
  readonly maxAgeMs: number;
  readonly maxEntries: number;
}

interface Entry<V> {
  readonly askedAt: number;
  readonly answer: V | Promise<V>;
}

export class AnswerCache<V> {
  readonly #ask: (question: string) => Promise<V>;
  readonly #options: CacheOptions;
  readonly #entries = new Map<string, Entry<V>>();

  constructor(ask: (question: string) => Promise<V>, options: CacheOptions) {
    this.#ask = ask;
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The answer at once when it is known, else a promise of it. `key` is what is remembered in place of the question. */
  get(key: string, question: string): V | Promise<V> {
    const now = this.#options.clock.now().getTime();
    const known = this.#entries.get(key);
    if (known !== undefined && now >= known.askedAt && now - known.askedAt < this.#options.maxAgeMs) {
      return known.answer;
    }
    return this.#put(key, question, now);
  }

  async #put(key: string, question: string, askedAt: number): Promise<V> {
    const answer = this.#ask(question);
    this.#remember(key, { askedAt, answer });
    try {
      const settled = await answer;
      if (this.#entries.get(key)?.answer === answer) this.#entries.set(key, { askedAt, answer: settled });
      return settled;
    } catch (error) {
      if (this.#entries.get(key)?.answer === answer) this.#entries.delete(key);
      throw error;
    }
  }

  /** The entry that came first makes room: with a common age limit it is the first to be of no use. */
  #remember(key: string, entry: Entry<V>): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#options.maxEntries) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, entry);
  }
}
