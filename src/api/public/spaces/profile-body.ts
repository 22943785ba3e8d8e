/** A profile as the explorer shows it: what it is called, and its identifiers, the weightiest first. Pure. */
import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import {
  type ExternalId,
  type Profile,
  type ProfileEvent,
  type SpaceSettings,
  windowMs,
} from '../../../space/space.ts';

/** In lists; the profile itself shows all. */
const mostIdentifiers = 5;

type Rules = Pick<SpaceSettings, 'identifiers'>;

/** A line of a list. */
export function summaryOf(profile: Profile, rules: Rules) {
  const ids = ranked(profile.externalIds, rules);
  return {
    ...{ id: profile.segmentId, collection: profile.collection, name: nameOf(profile, rules) },
    ...{ createdAt: profile.createdAt, updatedAt: profile.updatedAt },
    identifiers: ids.slice(0, mostIdentifiers).map(({ type, id }) => ({ type, id })),
    identifierCount: ids.length,
  };
}

/** In the order of the space, which is that of their weight; of one type the newest first, as they come. */
export function ranked(ids: readonly ExternalId[], { identifiers }: Rules): readonly ExternalId[] {
  const places = new Map(identifiers.map(({ type }, place) => [type, place]));
  const place = ({ type }: ExternalId) => places.get(type) ?? identifiers.length;
  return [...ids].sort((a, b) => place(a) - place(b));
}

const wholeNames = ['name', 'full_name', 'fullName', 'company_name', 'companyName'];
const partNames = [
  ['first_name', 'last_name'],
  ['firstName', 'lastName'],
] as const;

/** The name among its traits, else an identifier that people can read; null when there is neither. */
export function nameOf({ traits, externalIds }: Profile, rules: Rules): string | null {
  const texts = new Map(
    traits.flatMap(({ key, value }) => (typeof value === 'string' && value.trim() !== '' ? [[key, value.trim()]] : [])),
  );
  for (const key of wholeNames) {
    const name = texts.get(key);
    if (name !== undefined) return name;
  }
  for (const keys of partNames) {
    const parts = keys.flatMap((key) => texts.get(key) ?? []);
    if (parts.length > 0) return parts.join(' ');
  }
  const email = externalIds.find(({ type }) => type === 'email');
  return (email ?? ranked(externalIds, rules)[0])?.id ?? null;
}

/** How many identifiers of each type count at this moment, and how many may. */
export function limitsOf({ externalIds, collection }: Profile, { identifiers }: Rules, now: Date) {
  const types = [...new Set(externalIds.map(({ type }) => type))];
  return types.map((type) => {
    const rule = identifiers.find((one) => one.type === type && one.collection === collection);
    const since = now.getTime() - (rule === undefined ? Number.POSITIVE_INFINITY : windowMs[rule.window]);
    const count = externalIds.filter((id) => id.type === type && Date.parse(id.createdAt) > since).length;
    return { type, count, ...(rule !== undefined && { limit: rule.limit, window: rule.window }) };
  });
}

/** What was sent with an event; the rest is told beside it. */
export function eventParts({ message }: ProfileEvent): { properties: JsonObject; context: JsonObject } {
  const { properties, context } = message;
  return { properties: isJsonObject(properties) ? properties : {}, context: isJsonObject(context) ? context : {} };
}
