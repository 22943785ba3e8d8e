/**
 * Finds the identifiers of a message. In: a message and the rules of its space. Out: the user and account identifiers in
 * the order of `profile-space.md` 2.2, each value once, blocked and unusable ones left out with the reason.
 */
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import type { Collection, PersonIdentifier } from '../space.ts';
import { defaultSpaceSettings } from './default-settings.ts';
import { compileRules, maxIdentifierLength, type SpaceRules, type TypeRule } from './rules.ts';

export interface FoundIdentifier {
  readonly rule: TypeRule;
  readonly value: string;
  /** As in the identifiers table. */
  readonly key: string;
}

export type ViolationReason =
  | 'id_value_blocked'
  | 'identifier_too_long'
  | 'identifier_value_limit_exceeded'
  | 'identifier_value_time_limit_exceeded'
  | 'profile_merge_limit_exceeded'
  | 'identifier_mapping_limit_exceeded';

export interface Extracted {
  readonly users: FoundIdentifier[];
  readonly accounts: FoundIdentifier[];
  readonly violations: { readonly reason: ViolationReason; readonly type: string }[];
}

export function identifierKey(collection: Collection, type: string, value: string): string {
  return `${collection === 'users' ? 'u' : 'a'}:${type}:${value}`;
}

/** Strings are trimmed, numbers become decimal text, e-mail addresses lower case; anything else is no identifier. */
export function normalizeValue(type: string, raw: unknown): string | null {
  let text: string;
  if (typeof raw === 'string') text = raw.trim();
  else if (typeof raw === 'number' && Number.isFinite(raw)) text = decimalText(raw);
  else return null;
  if (text === '') return null;
  return type === 'email' ? text.toLowerCase() : text;
}

/** Digits without an exponent. */
function decimalText(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  return Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(20).replace(/0+$/, '');
}

export function extractIdentifiers(message: JsonObject, rules: SpaceRules): Extracted {
  const found: Extracted = { users: [], accounts: [], violations: [] };
  const context = isJsonObject(message.context) ? message.context : undefined;
  const type = message.type;
  if (type === 'alias') {
    take(found, rules.users.get('user_id'), message.userId);
    return found;
  }
  if (context !== undefined && Array.isArray(context.externalIds)) fromExternalIds(context.externalIds, rules, found);
  take(found, rules.users.get('user_id'), message.userId);
  take(found, rules.users.get('anonymous_id'), message.anonymousId);
  const body = type === 'identify' ? message.traits : type === 'group' ? undefined : message.properties;
  const contextTraits = context?.traits;
  const email = rules.users.get('email');
  if (isJsonObject(body)) take(found, email, body.email);
  if (isJsonObject(contextTraits)) take(found, email, contextTraits.email);
  if (context !== undefined && isJsonObject(context.device)) fromDevice(context.device, rules, found);
  fromAnalytics(message, context, rules, found);
  for (const rule of rules.custom) {
    if (isJsonObject(body)) fromBag(found, rule, body);
    if (isJsonObject(contextTraits)) fromBag(found, rule, contextTraits);
  }
  take(found, rules.accounts.get('group_id'), groupIdOf(message, context));
  return found;
}

/** A reader of the user identifiers of any message: by the rules of a new space, with nothing blocked. */
export function createIdentifierReader(): (message: JsonObject) => readonly PersonIdentifier[] {
  const { identifiers, autoRegister } = defaultSpaceSettings();
  const blocked = { values: [], patterns: [] };
  const rules = compileRules({ identifiers: identifiers.map((rule) => ({ ...rule, blocked })), autoRegister });
  return (message) => extractIdentifiers(message, rules).users.map(({ rule, value }) => ({ type: rule.type, value }));
}

/** Where a message names its account: at the root for group and identify, else in its context. */
export function groupIdOf(message: JsonObject, context: JsonObject | undefined): Json | undefined {
  if (message.type === 'group') return message.groupId;
  return (message.type === 'identify' ? message.groupId : undefined) ?? context?.groupId;
}

function fromExternalIds(entries: readonly Json[], rules: SpaceRules, found: Extracted): void {
  for (const entry of entries) {
    if (!isJsonObject(entry) || entry.encoding !== 'none' || typeof entry.type !== 'string') continue;
    if (entry.collection !== 'users' && entry.collection !== 'accounts') continue;
    take(found, rules.ruleOf(entry.collection, entry.type) ?? undefined, entry.id);
  }
}

function fromDevice(device: JsonObject, rules: SpaceRules, found: Extracted): void {
  if (typeof device.type !== 'string') return;
  const platform = device.type.toLowerCase();
  if (platform !== 'android' && platform !== 'ios') return;
  take(found, rules.users.get(`${platform}.id`), device.id);
  if (device.adTrackingEnabled === true) take(found, rules.users.get(`${platform}.idfa`), device.advertisingId);
  take(found, rules.users.get(`${platform}.push_token`), device.token);
}

function fromAnalytics(message: JsonObject, context: JsonObject | undefined, rules: SpaceRules, found: Extracted) {
  for (const integrations of [context?.integrations, message.integrations]) {
    if (!isJsonObject(integrations)) continue;
    const options = integrations['Google Analytics'];
    if (isJsonObject(options)) take(found, rules.users.get('ga_client_id'), options.clientId);
  }
}

function fromBag(found: Extracted, rule: TypeRule, bag: JsonObject): void {
  take(found, rule, bag[rule.type]);
  if (rule.camelCase !== null) take(found, rule, bag[rule.camelCase]);
}

function take(found: Extracted, rule: TypeRule | undefined, raw: Json | undefined): void {
  if (rule === undefined || raw === undefined || raw === null) return;
  const value = normalizeValue(rule.type, raw);
  if (value === null) return;
  if (value.length > maxIdentifierLength && [...value].length > maxIdentifierLength) {
    found.violations.push({ reason: 'identifier_too_long', type: rule.type });
    return;
  }
  if (rule.blocks(value)) {
    found.violations.push({ reason: 'id_value_blocked', type: rule.type });
    return;
  }
  const list = rule.collection === 'users' ? found.users : found.accounts;
  const key = identifierKey(rule.collection, rule.type, value);
  for (const other of list) if (other.key === key) return;
  list.push({ rule, value, key });
}
