/**
 * What makes a message unacceptable (`tracking-api.md` section 8). In: a message whose type is set. Out: its discard code,
 * or null. The sender is answered 200 all the same; the code is in the log of the event stream.
 */
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import { charactersOf } from '../../base/text.ts';

export const messageTypes = ['identify', 'track', 'page', 'screen', 'group', 'alias'] as const;
export type MessageType = (typeof messageTypes)[number];

export function isMessageType(value: unknown): value is MessageType {
  return (messageTypes as readonly unknown[]).includes(value);
}

export type DiscardCode =
  | 'no_user_anon_id'
  | 'id_not_string'
  | 'event_not_defined'
  | 'event_not_string'
  | 'properties_not_object'
  | 'traits_not_object'
  | 'name_not_string'
  | 'category_not_string'
  | 'empty_batch'
  | 'empty_batch_result'
  | 'multi_user_error'
  | 'bad_request'
  | 'unknown_source'
  | 'source_disabled'
  | 'consent_categorypreferences_should_exist'
  | 'consent_categorypreferences_fields_should_be_object'
  | 'consent_categorypreferences_fields_should_be_bool'
  | 'consent_version_should_be_number'
  | 'device_advertisingid_should_be_string'
  | 'invalid_type'
  | 'message_not_object'
  | 'group_id_missing'
  | 'previous_id_missing'
  | 'message_id_too_long'
  | 'nesting_too_deep'
  | 'payload_too_large'
  | 'batch_count_exceeded';

const longestMessageId = 100;

export function discardOf(message: JsonObject): DiscardCode | null {
  const { messageId } = message;
  if (typeof messageId === 'string' && charactersOf(messageId) > longestMessageId) return 'message_id_too_long';
  return discardOfIds(message) ?? discardOfType(message);
}

const absent = (value: Json | undefined): value is null | undefined => value === undefined || value === null;

function discardOfIds({ userId, anonymousId, type, previousId }: JsonObject): DiscardCode | null {
  // An alias says which id was known before; that stands for its anonymous id.
  const other = type === 'alias' && absent(anonymousId) ? previousId : anonymousId;
  if (absent(userId) && absent(other)) return 'no_user_anon_id';
  const isId = (id: Json | undefined) => absent(id) || (typeof id === 'string' && id !== '');
  return isId(userId) && isId(anonymousId) ? null : 'id_not_string';
}

function discardOfType(message: JsonObject): DiscardCode | null {
  switch (message.type as MessageType) {
    case 'identify':
      return objectOrAbsent(message.traits, 'traits_not_object');
    case 'group':
      if (typeof message.groupId !== 'string' || message.groupId === '') return 'group_id_missing';
      return objectOrAbsent(message.traits, 'traits_not_object');
    case 'track':
      return discardOfTrack(message);
    case 'page':
    case 'screen':
      return (
        textOrAbsent(message.name, 'name_not_string') ??
        textOrAbsent(message.category, 'category_not_string') ??
        objectOrAbsent(message.properties, 'properties_not_object')
      );
    case 'alias':
      return isText(message.previousId) && isText(message.userId) ? null : 'previous_id_missing';
  }
}

const isText = (value: Json | undefined): boolean => typeof value === 'string' && value !== '';

function discardOfTrack(message: JsonObject): DiscardCode | null {
  const { event } = message;
  if (absent(event) || event === '') return 'event_not_defined';
  if (typeof event !== 'string') return 'event_not_string';
  const wrong = objectOrAbsent(message.properties, 'properties_not_object');
  if (wrong !== null) return wrong;
  return event === 'Segment Consent Preference Updated' ? discardOfConsent(message) : null;
}

/** Only of the event that announces preferences: on other messages a faulty consent is ignored, the message kept. */
function discardOfConsent({ context }: JsonObject): DiscardCode | null {
  const { consent, device } = isJsonObject(context) ? context : ({} as JsonObject);
  const { categoryPreferences, version } = isJsonObject(consent) ? consent : ({} as JsonObject);
  if (absent(categoryPreferences)) return 'consent_categorypreferences_should_exist';
  if (!isJsonObject(categoryPreferences)) return 'consent_categorypreferences_fields_should_be_object';
  if (Object.values(categoryPreferences).some((value) => typeof value !== 'boolean')) {
    return 'consent_categorypreferences_fields_should_be_bool';
  }
  if (!absent(version) && typeof version !== 'number') return 'consent_version_should_be_number';
  const advertisingId = isJsonObject(device) ? device.advertisingId : undefined;
  if (!absent(advertisingId) && typeof advertisingId !== 'string') return 'device_advertisingid_should_be_string';
  return null;
}

function objectOrAbsent(value: Json | undefined, code: DiscardCode): DiscardCode | null {
  return absent(value) || isJsonObject(value) ? null : code;
}

function textOrAbsent(value: Json | undefined, code: DiscardCode): DiscardCode | null {
  return absent(value) || isText(value) ? null : code;
}
