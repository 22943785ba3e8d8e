/** Why a space did not take a message, or an identifier of it, in words. */

export const reasons: Readonly<Record<string, string>> = {
  no_matching_identifiers: 'Nothing on it says who it is about',
  group_id_missing: 'It names no group',
  group_id_too_long: 'Its group id is too long',
  message_id_too_long: 'Its message id is too long',
  too_many_traits: 'It has too many traits',
  too_many_properties: 'It has too many properties',
  timestamp_before_1970: 'Its time is before 1970',
  personas_disabled: 'It asks to be kept out of spaces',
  text_not_storable: 'It has characters that cannot be stored',
  nesting_too_deep: 'It is nested too deeply',
  filtered: 'A filter keeps it out',
  suppressed: 'The person is suppressed',
  duplicate: 'It came before',
  identifier_value_limit_exceeded: 'A profile has too many identifiers of a type',
  identifier_value_time_limit_exceeded: 'A profile got too many identifiers of a type lately',
  identifier_too_long: 'An identifier is too long',
  id_value_blocked: 'An identifier is blocked',
  profile_merge_limit_exceeded: 'A profile was merged too often',
  identifier_mapping_limit_exceeded: 'A profile has too many identifiers',
};

export const reasonWords = (reason: string): string => reasons[reason] ?? reason.replaceAll('_', ' ');
