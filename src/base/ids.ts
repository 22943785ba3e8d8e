/**
 * Ids made by the application: unique across processes and machines, ascending by time, 27 letters and digits.
 *
 * The layout is KSUID's (https://github.com/segmentio/ksuid): 32 bits of seconds since 2014-05-13, 128 random bits, written
 * in base 62. The libraries draw and encode 20 bytes for every id, which a sync of millions would feel; here
 * the random part is drawn once a second and then counted up, at many millions of ids a second. Ids of one process
 * are therefore guessable from each other: they are names, never secrets.
 */
import { randomBytes } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const epoch = 1_400_000_000;
const length = 27;
/** The last six digits count; the first 21 stay for the second. */
const countedDigits = 6;
const counterEnd = 62 ** countedDigits;
const pairsInTwo = 3844 * 3844;

interface Series {
  readonly second: number;
  readonly prefix: string;
  next: number;
}

let pairs: readonly string[] | undefined;
let series: Series | undefined;

/** A new KSUID. Two of one process are never equal, and ascend within a second. */
export function ksuid(): string {
  const second = Math.floor(Date.now() / 1000);
  if (series === undefined || series.second !== second) series = startSeries(second);
  pairs ??= makePairs();
  const count = series.next++;
  const high = Math.floor(count / pairsInTwo);
  const rest = count - high * pairsInTwo;
  const middle = Math.floor(rest / 3844);
  return series.prefix + pairs[high] + pairs[middle] + pairs[rest - middle * 3844];
}

/** `map_…`, `src_…`: says what it names. */
export function newId(prefix: string): string {
  return `${prefix}_${ksuid()}`;
}

/** The 20 bytes as 27 digits. Exported for tests against KSUIDs of the original. */
export function encodeKsuid(second: number, payload: Uint8Array): string {
  const time = BigInt(second - epoch) << 128n;
  let rest = time + BigInt(`0x${Buffer.from(payload).toString('hex')}`);
  let text = '';
  for (let digit = 0; digit < length; digit++) {
    text = alphabet[Number(rest % 62n)] + text;
    rest /= 62n;
  }
  return text;
}

function startSeries(second: number): Series {
  const text = encodeKsuid(second, randomBytes(16));
  const tail = text.slice(length - countedDigits);
  let next = 0;
  for (const char of tail) next = next * 62 + alphabet.indexOf(char);
  // From the lower half, so that a second never runs out of numbers.
  return { second, prefix: text.slice(0, length - countedDigits), next: next % (counterEnd / 2) };
}

function makePairs(): readonly string[] {
  return Array.from({ length: 3844 }, (_, n) => `${alphabet[Math.floor(n / 62)]}${alphabet[n % 62]}`);
}
