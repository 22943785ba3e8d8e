/**
 * Arrivals: what the live view shows of a message. In: messages and what became of them. Out: short descriptions, and the
 * texts in which they travel. Promised: a suppressed message is never among them; a text fits a notification of Postgres,
 * whatever the message holds, and says when something was cut away.
 */
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import type { DropReason, IncomingMessage, Outcome } from '../space.ts';

/** A message that a space took or dropped. Times are ISO 8601 in UTC. */
export interface Arrival {
  readonly kind: 'arrival';
  /** When it was received. */
  readonly at: string;
  readonly sourceId: string;
  readonly syncId?: string;
  readonly messageId?: string;
  readonly type: string;
  /** The event of a track message, the name of a page or screen. */
  readonly event?: string;
  readonly userId?: string;
  readonly anonymousId?: string;
  readonly groupId?: string;
  readonly outcome: 'applied' | 'dropped';
  /** Of an applied message. */
  readonly profileId?: string;
  /** Of a dropped one. */
  readonly reason?: DropReason;
  readonly detail?: string;
  /** The whole message, when it fits. */
  readonly message?: JsonObject;
  /** True when the message was left out, or a text above was shortened. */
  readonly cut?: true;
}

/** So many messages arrived and are not shown. */
export interface Skipped {
  readonly kind: 'skipped';
  readonly count: number;
}

export type LiveItem = Arrival | Skipped;

/** A message with what became of it. */
export interface Shown {
  readonly incoming: IncomingMessage;
  readonly outcome: Outcome;
}

/** Those that may be shown: messages of suppressed people may not. */
export function* shownOf(messages: readonly IncomingMessage[], outcomes: readonly Outcome[]): Generator<Shown> {
  for (const [at, incoming] of messages.entries()) {
    const outcome = outcomes[at];
    if (outcome === undefined || isSuppressed(outcome)) continue;
    yield { incoming, outcome };
  }
}

function isSuppressed(outcome: Outcome): boolean {
  return outcome.kind === 'dropped' && outcome.reason === 'suppressed';
}

/** Everything but the message. */
export function arrivalOf({ incoming, outcome }: Shown): Arrival {
  const { message, receivedAt, sourceId, syncId } = incoming;
  const named = message.type === 'page' || message.type === 'screen' ? message.name : message.event;
  return {
    kind: 'arrival',
    at: receivedAt.toISOString(),
    sourceId,
    ...(syncId === undefined ? undefined : { syncId }),
    ...textOf('messageId', message.messageId),
    type: typeof message.type === 'string' ? message.type : '',
    ...textOf('event', named),
    ...textOf('userId', message.userId),
    ...textOf('anonymousId', message.anonymousId),
    ...textOf('groupId', message.groupId),
    ...(outcome.kind === 'applied'
      ? { outcome: 'applied', profileId: outcome.profileId }
      : { outcome: 'dropped', reason: outcome.reason, detail: outcome.detail }),
  };
}

function textOf<K extends string>(key: K, value: Json | undefined): Partial<Record<K, string>> | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  return { [key]: String(value) } as Partial<Record<K, string>>;
}

/* ---- as notifications ---- */

/** Postgres takes 7,999 bytes. */
const mostBytes = 7_900;
/** Of one text of an arrival whose message does not fit, as JSON: ten of them fit a notification. */
const mostTextBytes = 600;

/** The JSON text of an arrival: with its message when both fit. */
export function arrivalText(shown: Shown): string {
  const arrival = arrivalOf(shown);
  const head = JSON.stringify(arrival);
  const message = messageText(shown.incoming, mostBytes - head.length);
  const whole = message === null ? null : `${head.slice(0, -1)},"message":${message}}`;
  if (whole !== null && Buffer.byteLength(whole) <= mostBytes) return whole;
  const short = Object.entries(arrival).map(([key, value]) => [key, shortened(value)]);
  return JSON.stringify({ ...Object.fromEntries(short), cut: true });
}

/** Null when it is longer than there is room for, which then costs nothing where the sender has the text. */
function messageText({ message, text }: IncomingMessage, room: number): string | null {
  if (text !== undefined) return text.length > room ? null : text;
  try {
    return JSON.stringify(message);
  } catch {
    // Nested deeper than the stack reaches.
    return null;
  }
}

/** The beginning of a text, in so many bytes of JSON. */
function shortened(text: string): string {
  if (text.length * 6 <= mostTextBytes || Buffer.byteLength(JSON.stringify(text)) <= mostTextBytes) return text;
  const [quotes, ellipsis] = [2, 3];
  let short = '';
  let used = quotes + ellipsis;
  for (const character of text) {
    used += Buffer.byteLength(JSON.stringify(character)) - quotes;
    if (used > mostTextBytes) break;
    short += character;
  }
  return `${short}…`;
}

export function skippedText(count: number): string {
  return JSON.stringify({ kind: 'skipped', count } satisfies Skipped);
}

/** Null for a text that is none of ours: anybody with the database can send to any channel. */
export function readLiveItem(text: string): LiveItem | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value)) return null;
    const isArrival = value.kind === 'arrival' && typeof value.at === 'string' && typeof value.type === 'string';
    const isSkipped = value.kind === 'skipped' && typeof value.count === 'number';
    return isArrival || isSkipped ? (value as unknown as LiveItem) : null;
  } catch {
    return null;
  }
}
