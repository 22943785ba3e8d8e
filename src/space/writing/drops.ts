/**
 * The silent drop rules (`profile-space.md` section 1). In: a message. Out: why the space does not take it, or null.
 * The sender of a wire message is not told; the space's log and a sync's receipts are.
 */
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { charactersOf, storableText } from '../../base/text.ts';
import { type Extracted, groupIdOf } from '../identity/extract.ts';
import type { DropReason } from '../space.ts';

export interface Drop {
  readonly reason: DropReason;
  readonly detail: string;
}

export const maxGroupIdLength = 500;
export const maxMessageIdLength = 100;
/** An identify may carry fewer than this many traits; other messages at most this many properties or traits. */
export const traitLimit = 300;

/** The rules that need no identifiers. `eventAt` is the message's own time, ms; NaN when it has none. */
export function dropOfMessage(message: JsonObject, eventAt: number): Drop | null {
  const context = isJsonObject(message.context) ? message.context : undefined;
  if (isJsonObject(message.integrations) && message.integrations.Personas === false) return personasOff;
  if (isJsonObject(context?.integrations) && context.integrations.personas === false) return personasOff;
  return dropOfGroupId(message, context) ?? dropOfSizes(message) ?? dropOfTime(eventAt);
}

const personasOff: Drop = {
  reason: 'personas_disabled',
  detail: 'The message asks to be kept out of profile spaces (integrations.Personas is false).',
};

function dropOfGroupId(message: JsonObject, context: JsonObject | undefined): Drop | null {
  const groupId = groupIdOf(message, context);
  const length = typeof groupId === 'string' ? charactersOf(groupId) : 0;
  if (length > maxGroupIdLength) {
    const detail = `The group id has ${length} characters; at most ${maxGroupIdLength} are taken.`;
    return { reason: 'group_id_too_long', detail };
  }
  if (message.type === 'group') {
    if (groupId === undefined || groupId === null || groupId === '') {
      return { reason: 'group_id_missing', detail: 'A group message needs a groupId that is not empty.' };
    }
  } else if (context !== undefined && context.groupId === '') {
    return { reason: 'group_id_missing', detail: 'context.groupId is there but empty: leave it out instead.' };
  }
  return null;
}

function dropOfSizes(message: JsonObject): Drop | null {
  const { messageId } = message;
  const idLength = typeof messageId === 'string' ? charactersOf(messageId) : 0;
  if (idLength > maxMessageIdLength) {
    const detail = `The message id has ${idLength} characters; at most ${maxMessageIdLength} are taken.`;
    return { reason: 'message_id_too_long', detail };
  }
  const traits = isJsonObject(message.traits) ? Object.keys(message.traits).length : 0;
  if (message.type === 'identify') {
    if (traits < traitLimit) return null;
    const detail = `The identify carries ${traits} traits; it must be fewer than ${traitLimit}. Map fewer columns, or nest them in one object.`;
    return { reason: 'too_many_traits', detail };
  }
  const properties = isJsonObject(message.properties) ? Object.keys(message.properties).length : 0;
  if (Math.max(traits, properties) <= traitLimit) return null;
  const detail = `The message carries ${Math.max(traits, properties)} properties or traits; at most ${traitLimit} are taken.`;
  return { reason: 'too_many_properties', detail };
}

function dropOfTime(eventAt: number): Drop | null {
  if (!(eventAt < 0)) return null;
  return { reason: 'timestamp_before_1970', detail: 'The timestamp lies before 1970-01-01.' };
}

/** The rules about what was found in the message. */
export function dropOfIdentifiers(message: JsonObject, found: Extracted): Drop | null {
  for (const { rule, value } of [...found.users, ...found.accounts]) {
    if (storableText(value)) continue;
    const detail = `The identifier ${rule.type} contains a NUL character or half a surrogate pair, which no database text can hold: remove it in the model.`;
    return { reason: 'text_not_storable', detail };
  }
  if (typeof message.messageId === 'string' && !storableText(message.messageId)) {
    return { reason: 'text_not_storable', detail: 'The message id contains a NUL character or half a surrogate pair.' };
  }
  const usable = message.type === 'group' ? found.accounts.length > 0 : found.users.length > 0;
  if (usable) return null;
  const blocked = found.violations.map((violation) => `${violation.type}: ${violation.reason}`).join(', ');
  const which = message.type === 'group' ? 'account' : 'user';
  const detail = `No usable ${which} identifier on the message${blocked === '' ? '' : ` (${blocked})`}.`;
  return { reason: 'no_matching_identifiers', detail };
}
