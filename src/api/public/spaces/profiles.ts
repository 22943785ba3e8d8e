/**
 * `/spaces/{spaceId}/profiles`: profiles to look at, found by an identifier or listed by their latest change. Beyond the
 * vendor's API. Promised: everything is read by key or along an index, whatever the number of profiles; nothing is counted.
 *
 * "Recent" is when the profile's row was last written: by a message that changed its traits, identifiers or consent; by
 * others, such as events, once a minute at most. The index over that time is one the space keeps anyway, for the Profile
 * API's list, so that looking costs those who write nothing.
 */
import { namesOfComputations } from '../../../audience/audience.ts';
import { storableText } from '../../../base/text.ts';
import { channelsOf, type Profile, type SpaceReader } from '../../../space/space.ts';
import type { Space } from '../../../workspace/workspace.ts';
import { type InputFault, inputInvalid, isRefusal, notFound, type PublicRefusal } from '../errors.ts';
import { listCursor, type PageWanted, paginationOf, readPagination } from '../pagination.ts';
import { choiceParameter } from '../parameters.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { spaceOrRefusal } from './find-space.ts';
import { eventParts, limitsOf, nameOf, ranked, summaryOf } from './profile-body.ts';
import { type Candidate, candidatesOf, collectionOf } from './profile-find.ts';
import { namedOrigins } from './profile-origins.ts';

/** Earlier and later than any event. */
const always = { from: new Date(0), before: new Date('+010000-01-01T00:00:00.000Z') };
/** Of a linked profile. */
const mostTraits = 50;

type Answer = Promise<PublicAnswer | PublicRefusal>;

export function profileRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const common = { method: 'GET', versions: ['alpha'], needs: 'space:read' } as const;
  const url = '/spaces/:spaceId/profiles';
  const ofSpace = (answer: (space: Space, request: PublicRequest) => Answer) => async (request: PublicRequest) => {
    const space = await spaceOrRefusal(deps.db.pool, request.params.spaceId as string, request.grant, 'space:read');
    return isRefusal(space) ? space : answer(space, request);
  };
  return [
    { ...common, url, handle: ofSpace((space, request) => list(deps, space, request)) },
    { ...common, url: `${url}/:profileId`, handle: ofSpace((space, request) => show(deps, space, request)) },
    { ...common, url: `${url}/:profileId/events`, handle: ofSpace((space, request) => events(deps, space, request)) },
    { ...common, url: `${url}/:profileId/links`, handle: ofSpace((space, request) => links(deps, space, request)) },
  ];
}

/* ---- many ---- */

async function list({ reader }: PublicApiDeps, space: Space, { query }: PublicRequest): Answer {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const collection = choiceParameter(query, 'collection', ['users', 'accounts'], faults);
  const find = query.text('find') ?? '';
  if (!storableText(find)) faults.push({ field: 'find', message: '"find" must be a text without NUL' });
  if (faults.length > 0) return inputInvalid(faults);
  if (find.trim() !== '') {
    const candidates = candidatesOf(find, space.settings, collection);
    const profiles = await found(reader, space, candidates);
    const types = candidates.map(({ key }) => (key.kind === 'identifier' ? key.type : key.kind));
    return { data: { profiles, searched: [...new Set(types)], pagination: paginationOf(wanted, null) } };
  }
  const of = collection ?? 'users';
  const page = await reader.list(space.no, of, wanted.count, listCursor(wanted));
  const candidates = page.items.map(
    ({ segmentId: id }): Candidate => ({ collection: of, key: { kind: 'segment_id', id } }),
  );
  const profiles = await lookUp(reader, space, candidates);
  const shown = profiles.flatMap((profile) => (profile === null ? [] : summaryOf(profile, space.settings)));
  return { data: { profiles: shown, pagination: paginationOf(wanted, page.next) } };
}

/** Look-ups made together travel in one statement. */
function lookUp(
  reader: SpaceReader,
  { no }: Space,
  candidates: readonly Candidate[],
): Promise<readonly (Profile | null)[]> {
  return Promise.all(candidates.map(({ collection, key }) => reader.profile(no, collection, key)));
}

/** Each profile once, with the identifiers that led to it. */
async function found(reader: SpaceReader, space: Space, candidates: readonly Candidate[]): Promise<readonly object[]> {
  const profiles = await lookUp(reader, space, candidates);
  const byId = new Map<string, { readonly profile: Profile; readonly by: { type: string; id: string }[] }>();
  for (const [at, profile] of profiles.entries()) {
    if (profile === null) continue;
    const entry = byId.get(profile.segmentId) ?? { profile, by: [] };
    const { key } = candidates[at] as Candidate;
    const { type, id } =
      key.kind === 'identifier' ? { type: key.type, id: key.value } : { type: 'segment_id', id: key.id };
    if (!entry.by.some((one) => one.type === type && one.id === id)) entry.by.push({ type, id });
    byId.set(profile.segmentId, entry);
  }
  return [...byId.values()].map(({ profile, by }) => ({ ...summaryOf(profile, space.settings), foundBy: by }));
}

/* ---- one ---- */

/** By its id, or that of one merged into it. */
async function profileOf(reader: SpaceReader, space: Space, id: string): Promise<Profile | PublicRefusal> {
  const isId = /^(?:use|acc)_[0-9A-Za-z]{27}$/.test(id);
  const profile = isId ? await reader.profile(space.no, collectionOf(id), { kind: 'segment_id', id }) : null;
  return profile ?? notFound('Profile', id);
}

async function show({ db, reader, clock }: PublicApiDeps, space: Space, { params, grant }: PublicRequest): Answer {
  const asked = params.profileId as string;
  const profile = await profileOf(reader, space, asked);
  if (isRefusal(profile)) return profile;
  const origins = profile.traits.map(({ origin }) => origin);
  const computedBy = profile.traits.flatMap((trait) => (trait.class === 'custom' ? [] : trait.origin.sourceId));
  const [{ updatedAt }, subscriptions, computations, named] = await Promise.all([
    reader.activity(space.no, profile),
    subscriptionsOf(reader, space, profile),
    computedBy.length === 0 ? new Map<string, string>() : namesOfComputations(db.pool, space.no, computedBy),
    namedOrigins(db, grant, space.id, {
      sourceIds: [...origins, ...profile.externalIds].map(({ sourceId }) => sourceId),
      mappingIds: origins.flatMap(({ mappingId }) => mappingId ?? []),
      syncIds: origins.flatMap(({ syncId }) => syncId ?? []),
    }),
  ]);
  const { segmentId, collection, createdAt, lastEventAt, mergedSegmentIds, consent } = profile;
  const body = {
    ...{ id: segmentId, collection, name: nameOf(profile, space.settings), createdAt, updatedAt, lastEventAt },
    ...(asked !== segmentId && { mergedFrom: asked }),
    mergedIds: mergedSegmentIds,
    traits: profile.traits.map((trait) => {
      const { key, value, origin } = trait;
      const name = computations.get(origin.sourceId);
      const source = name === undefined ? {} : { source: { id: origin.sourceId, name } };
      return { key, value, class: trait.class, origin: { ...named.origin(origin), ...source } };
    }),
    identifiers: ranked(profile.externalIds, space.settings).map((id) => ({
      ...{ type: id.type, id: id.id, createdAt: id.createdAt, lastSeenAt: id.lastSeenAt },
      ...{ source: named.source(id.sourceId), firstMessageId: id.firstMessageId },
    })),
    limits: limitsOf(profile, space.settings, clock.now()),
    consent,
    subscriptions,
  };
  return { data: { profile: body } };
}

/** Of all contacts among its identifiers; one that nobody said anything about has no status. */
async function subscriptionsOf(reader: SpaceReader, { no }: Space, profile: Profile): Promise<readonly object[]> {
  const contacts = profile.externalIds.flatMap((id) => channelsOf(id).map((channel) => ({ channel, key: id.id })));
  const known = contacts.length === 0 ? [] : await reader.subscriptions(no, contacts);
  const byContact = new Map(known.map((one) => [`${one.channel}:${one.key}`, one]));
  return contacts.map(
    ({ channel, key }) => byContact.get(`${channel}:${key}`) ?? { channel, key, status: null, groups: [] },
  );
}

/* ---- its events and links, page by page ---- */

function pageOf({ query }: PublicRequest): PageWanted | PublicRefusal {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  return faults.length > 0 ? inputInvalid(faults) : wanted;
}

async function events({ db, reader }: PublicApiDeps, space: Space, request: PublicRequest): Answer {
  const wanted = pageOf(request);
  if (isRefusal(wanted)) return wanted;
  const profile = await profileOf(reader, space, request.params.profileId as string);
  if (isRefusal(profile)) return profile;
  const key = { kind: 'segment_id', id: profile.segmentId } as const;
  const next = listCursor(wanted);
  const page = await reader.events(space.no, profile.collection, key, {
    ...{ ...always, order: 'newest first', limit: wanted.count },
    ...(next !== undefined && { next }),
  });
  const items = page?.items ?? [];
  const sourceIds = items.map(({ sourceId }) => sourceId);
  const named = await namedOrigins(db, request.grant, space.id, { sourceIds });
  const shown = items.map((event) => ({
    ...{ messageId: event.messageId, type: event.type, name: event.name, timestamp: event.timestamp },
    ...{ source: named.source(event.sourceId), identifiers: event.externalIds, ...eventParts(event) },
    ...{ userId: event.userId, accountId: event.accountId },
  }));
  return { data: { events: shown, pagination: paginationOf(wanted, page?.next ?? null) } };
}

async function links({ reader }: PublicApiDeps, space: Space, request: PublicRequest): Answer {
  const wanted = pageOf(request);
  if (isRefusal(wanted)) return wanted;
  const profile = await profileOf(reader, space, request.params.profileId as string);
  if (isRefusal(profile)) return profile;
  const key = { kind: 'segment_id', id: profile.segmentId } as const;
  const page = await reader.links(space.no, profile.collection, key, wanted.count, listCursor(wanted));
  const items = page?.items ?? [];
  const candidates = items.map(
    ({ toCollection, segmentId: id }): Candidate => ({ collection: toCollection, key: { kind: 'segment_id', id } }),
  );
  const linked = await lookUp(reader, space, candidates);
  const shown = linked.flatMap((other, at) => {
    if (other === null) return [];
    const traits = other.traits.slice(0, mostTraits).map(({ key: name, value }) => ({ key: name, value }));
    return { ...summaryOf(other, space.settings), linkedAt: items[at]?.createdAt, traits };
  });
  return { data: { links: shown, pagination: paginationOf(wanted, page?.next ?? null) } };
}
