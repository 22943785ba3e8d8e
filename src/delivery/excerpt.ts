/**
 * The endpoint's own words about a refusal, for people who look at failed rows. In: the body of its answer, and what was
 * sent. Out: a short excerpt, or nothing. Promised: no excerpt shares a word with the values that were sent or with the write
 * key, other than words of the protocol, and none holds what looks like a value in another form: long numbers, letters mixed
 * with digits, capitals in the middle. So an answer that quotes a row, in whole or in part, is not repeated.
 */
import { isJsonObject } from '../base/json.ts';
import type { WireMessage } from './wire-message.ts';

const longest = 200;

export interface Excerpt {
  readonly text: string;
  /** Made of words of the protocol alone: it may be logged, and stand where nobody looks at rows. Others may not. */
  readonly isPlain: boolean;
}

export function excerptOf(answer: string, sent: readonly WireMessage[], writeKey: string): Excerpt | undefined {
  const said = sentenceIn(answer);
  if (said === undefined || said.length > longest) return undefined;
  const words = (said.match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => !protocolWords.has(word.toLowerCase()));
  if (words.some(isLikeValue)) return undefined;
  const lower = words.map((word) => word.toLowerCase());
  for (const text of [writeKey, ...sent.map((message) => message.text)]) {
    const values = text.toLowerCase();
    if (lower.some((word) => values.includes(word))) return undefined;
  }
  return { text: said, isPlain: words.length === 0 };
}

/** A number of more than a status, a code, or something encoded: no word of a sentence. */
function isLikeValue(word: string): boolean {
  const isNumber = /^\p{N}+$/u.test(word);
  return isNumber ? word.length > 3 : word.length > 20 || /\p{N}|\p{Ll}\p{Lu}/u.test(word);
}

/** What a JSON answer says in `message` or `error`. Anything else, a page for instance, was not written for this. */
function sentenceIn(answer: string): string | undefined {
  let body: unknown;
  try {
    body = JSON.parse(answer);
  } catch {
    return undefined;
  }
  if (!isJsonObject(body)) return undefined;
  const { error } = body;
  const said = [body.message, isJsonObject(error) ? error.message : error].find(
    (one) => typeof one === 'string' && one.trim() !== '',
  ) as string | undefined;
  return said?.replace(/\p{C}+/gu, ' ').trim();
}

const protocolWords: ReadonlySet<string> = new Set(
  `a an and are array at be batch body bytes can cannot consent context could data does empty error event exceed exceeds
  expected field fields for format found group groupid has have id identify identity in integrations invalid is it json key
  kb large length limit long malformed many max maximum may member message messageid messages missing more must no not null
  object of only or over payload per properties property request required retry sentat size string than that the this
  timestamp to too track traits type unknown unsupported user userid anonymousid valid value was were with write writekey`
    .split(/\s+/)
    .filter((word) => word !== ''),
);
