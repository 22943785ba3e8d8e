/**
 * From a request's body to messages (`tracking-api.md` sections 6, 10, 11 and 13). In: the body, how it came, when. Out:
 * finished messages with their JSON, and what was discarded. Promised: the order of the items; one bad item never affects
 * another; unknown fields stay as they are.
 */
import { ksuid } from '../../base/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import { deepestNesting, isDeeperThan } from '../../base/text.ts';
import { type CountedEvent, countedEvent } from '../../workspace/workspace.ts';
import { correctTimes } from './timestamps.ts';
import { type DiscardCode, discardOf, isMessageType, type MessageType } from './validate.ts';

export const maxItems = 2_500;
export const maxMessageBytes = 32 * 1024;
export const maxBatchBytes = 500 * 1024;
/**
 * What the messages of one batch may grow to together, in characters, once the root is merged into each of them. Without
 * it a body of 130 KB becomes 72 MB.
 */
const maxGrown = 16 * 1024 * 1024;
/** Properties of one message; those beyond are cut. */
const maxProperties = 10_000;

export interface FinishedMessage {
  readonly message: JsonObject;
  readonly messageId: string;
  /** As compact JSON. */
  readonly text: string;
}

export interface Discard {
  readonly code: DiscardCode;
  readonly messageId: string | null;
  readonly count: number;
  /** As far as it could be read. */
  readonly event?: CountedEvent;
}

export interface Finished {
  readonly messages: readonly FinishedMessage[];
  readonly discards: readonly Discard[];
  /** Of the JSON of all messages. */
  readonly characters: number;
}

export interface Arrival {
  /** Ms. */
  readonly receivedAt: number;
  /** The sender's address, for messages that ask for it; null to leave `context.ip` alone. */
  readonly ip: string;
  readonly clientSide: boolean;
}

/** What the root of a batch says for all its items. */
interface Shared {
  /** Of a message alone, the size of the body was looked at. */
  readonly isBatch: boolean;
  readonly context: JsonObject | undefined;
  readonly integrations: JsonObject | undefined;
  readonly sentAt: Json | undefined;
}

const alone: Shared = { isBatch: false, context: undefined, integrations: undefined, sentAt: undefined };

export function finishOne(body: JsonObject, type: MessageType, arrival: Arrival): Finished {
  const discards: Discard[] = [];
  const message = finish(body, type, alone, arrival, discards);
  return message === null
    ? { messages: [], discards, characters: 0 }
    : { messages: [message], discards, characters: message.text.length };
}

/** Null when the messages grow too large together. */
export function finishBatch(body: JsonObject, items: readonly Json[], arrival: Arrival): Finished | null {
  const shared: Shared = {
    isBatch: true,
    context: isJsonObject(body.context) ? body.context : undefined,
    integrations: isJsonObject(body.integrations) ? body.integrations : undefined,
    sentAt: body.sentAt,
  };
  const isRootTooDeep = isDeeperThan(shared.context, levelsInside) || isDeeperThan(shared.integrations, levelsInside);
  let characters = 0;
  const messages: FinishedMessage[] = [];
  const discards: Discard[] = [];
  if (items.length === 0) discards.push({ code: 'empty_batch', messageId: null, count: 1 });
  for (const item of items.slice(0, maxItems)) {
    if (!isJsonObject(item)) {
      discards.push({ code: 'message_not_object', messageId: null, count: 1 });
      continue;
    }
    // Until 2014 the type was called action.
    const type = item.type ?? item.action;
    if (!isMessageType(type)) {
      discards.push({ code: 'invalid_type', messageId: idOf(item), count: 1 });
      continue;
    }
    if (isRootTooDeep) {
      const event = countedEvent({ ...item, type });
      discards.push({ code: 'nesting_too_deep', messageId: idOf(item), count: 1, event });
      continue;
    }
    const message = finish(item, type, shared, arrival, discards);
    if (message === null) continue;
    messages.push(message);
    characters += message.text.length;
    if (characters > maxGrown) return null;
  }
  const faulty = discards.length > 0 && items.length > 0;
  if (faulty) {
    discards.push({ code: messages.length > 0 ? 'multi_user_error' : 'empty_batch_result', messageId: null, count: 1 });
  }
  const surplus = items.length - maxItems;
  if (surplus > 0) discards.push({ code: 'batch_count_exceeded', messageId: null, count: surplus });
  return { messages, discards, characters };
}

/** The id of a message for the log of discards. */
function idOf({ messageId }: JsonObject): string | null {
  return typeof messageId === 'string' ? messageId : null;
}

/** Of a member of a message. */
const levelsInside = deepestNesting - 1;

function finish(
  item: JsonObject,
  type: MessageType,
  shared: Shared,
  arrival: Arrival,
  discards: Discard[],
): FinishedMessage | null {
  const discard = (code: DiscardCode) => {
    discards.push({ code, messageId: idOf(item), count: 1, event: countedEvent({ ...item, type }) });
    return null;
  };
  if (isDeeperThan(item, deepestNesting)) return discard('nesting_too_deep');
  const typed = item.type === type ? item : { ...item, type };
  const code = discardOf(typed);
  if (code !== null) return discard(code);
  const { message, messageId } = complete(typed, shared, arrival);
  const text = JSON.stringify(message);
  // The message only gained members: if it is small enough, the item was.
  if (shared.isBatch && text.length * 3 > maxMessageBytes && Buffer.byteLength(text) > maxMessageBytes) {
    if (Buffer.byteLength(JSON.stringify(merged(typed, shared))) > maxMessageBytes) return discard('payload_too_large');
  }
  return { message, messageId, text };
}

type Draft = Record<string, Json | undefined>;

/** With the members of the batch that the item has not itself. */
function merged(item: JsonObject, { context, integrations }: Shared): Draft {
  const message: Draft = { ...item };
  if (message.writeKey !== undefined) delete message.writeKey;
  if (message.action !== undefined && item.type === message.action) delete message.action;
  if (context !== undefined) message.context = isJsonObject(item.context) ? deepMerge(context, item.context) : context;
  if (integrations !== undefined) {
    message.integrations = isJsonObject(item.integrations) ? { ...integrations, ...item.integrations } : integrations;
  }
  return message;
}

function complete(item: JsonObject, shared: Shared, arrival: Arrival): { message: JsonObject; messageId: string } {
  const message = merged(item, shared);
  const { messageId } = message;
  const id = messageIdOf(messageId);
  const sentAt = message.sentAt === undefined ? shared.sentAt : message.sentAt;
  const { timestamp, originalTimestamp } = correctTimes(message.timestamp, sentAt, arrival.receivedAt);
  message.messageId = id;
  message.timestamp = timestamp;
  message.originalTimestamp = originalTimestamp;
  if (sentAt !== undefined) message.sentAt = sentAt;
  message.receivedAt = isoOf(arrival.receivedAt);
  message.version = 2;
  if (!isJsonObject(message.context)) message.context = {};
  if (!isJsonObject(message.integrations)) message.integrations = {};
  message.context = withAddress(message.context as JsonObject, arrival);
  cutProperties(message);
  return { message, messageId: id };
}

/** A number becomes text, so that its second copy is found. */
function messageIdOf(given: Json | undefined): string {
  if (typeof given === 'string' && given !== '') return given;
  return typeof given === 'number' ? String(given) : `api-${ksuid()}`;
}

let lastReceived = Number.NaN;
let lastReceivedText = '';

function isoOf(ms: number): string {
  if (ms !== lastReceived) {
    lastReceivedText = new Date(ms).toISOString();
    lastReceived = ms;
  }
  return lastReceivedText;
}

function withAddress(context: JsonObject, { ip, clientSide }: Arrival): JsonObject {
  const wanted = clientSide || context.direct === true;
  return wanted && (context.ip === undefined || context.ip === null) ? { ...context, ip: plainAddress(ip) } : context;
}

/** An IPv4 address as such, also when the server listens on IPv6. */
function plainAddress(ip: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/.test(ip) ? ip.slice('::ffff:'.length) : ip;
}

function cutProperties(message: Draft): void {
  for (const key of ['properties', 'traits'] as const) {
    const value = message[key];
    if (!isJsonObject(value)) continue;
    const entries = Object.entries(value);
    if (entries.length > maxProperties) message[key] = Object.fromEntries(entries.slice(0, maxProperties));
  }
}

/** Objects are merged member by member; of anything else the item's value stands. */
function deepMerge(base: JsonObject, over: JsonObject): JsonObject {
  const result: Record<string, Json | undefined> = { ...base };
  for (const key of Object.keys(over)) {
    const [below, above] = [Object.hasOwn(base, key) ? base[key] : undefined, over[key]];
    const value = isJsonObject(below) && isJsonObject(above) ? deepMerge(below, above) : above;
    // Not by assignment, which would set a prototype where the key is `__proto__`.
    Object.defineProperty(result, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return result;
}
