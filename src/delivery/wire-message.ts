/**
 * A message as it goes over the wire: written as JSON once, so that every try sends the same bytes. In: a message. Out: its
 * text with its size and the people it names, or why it cannot be sent. Pure, but for the id of a message without one.
 */
import { ksuid } from '../base/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import type { Receipt } from './delivery.ts';
import { maxMessageBytes } from './limits.ts';

export interface WireMessage {
  /** Where it stands in its batch. */
  readonly place: number;
  readonly text: string;
  readonly bytes: number;
  /** Whom it names: two messages that share a name must not overtake each other. */
  readonly names: readonly string[];
}

export type Written =
  | { readonly ok: true; readonly wire: WireMessage }
  | { readonly ok: false; readonly receipt: Extract<Receipt, { readonly kind: 'refused' }> };

export function writeMessage(message: JsonObject, place: number): Written {
  const text = jsonOf(message);
  if (text === null) return refuse('message_not_json', 'The message is nested too deep to be written as JSON.');
  const bytes = Buffer.byteLength(text);
  if (bytes > maxMessageBytes) {
    const reason = `The message has ${bytes} bytes as JSON; a Tracking API takes ${maxMessageBytes}. Map fewer or shorter values.`;
    return refuse('message_too_large', reason);
  }
  return { ok: true, wire: { place, text, bytes, names: namesIn(message) } };
}

function refuse(code: string, reason: string): Written {
  return { ok: false, receipt: { kind: 'refused', code, reason } };
}

/** A message without an id gets one here: the endpoint would draw another on each try, and take them for two messages. */
function jsonOf(message: JsonObject): string | null {
  const { messageId } = message;
  const identified = typeof messageId === 'string' && messageId !== '' ? message : { ...message, messageId: ksuid() };
  try {
    return JSON.stringify(identified);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/**
 * Ids and e-mail addresses, of whatever kind: that a user id and an e-mail address are the same text costs a wait and no more.
 * A group is named by what is said about the group itself; that people belong to it may be said in any order.
 */
function namesIn({ type, userId, anonymousId, groupId, traits, context }: JsonObject): readonly string[] {
  const names: string[] = [];
  add(names, userId);
  add(names, anonymousId);
  if (type === 'group') add(names, groupId);
  if (isJsonObject(traits)) add(names, traits.email);
  const ids = isJsonObject(context) ? context.externalIds : undefined;
  if (Array.isArray(ids)) for (const id of ids as readonly Json[]) if (isJsonObject(id)) add(names, id.id);
  return names;
}

function add(names: string[], value: Json | undefined): void {
  if (typeof value === 'string' ? value !== '' : typeof value === 'number') names.push(String(value));
}
