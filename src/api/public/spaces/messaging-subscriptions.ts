/**
 * `PUT /spaces/{spaceId}/messaging-subscriptions`: sets what contacts are subscribed to. `POST …/batch`: reads it. What
 * cannot be read as entries at all is 422; an entry that cannot be taken is one of the `failures`.
 */
import { isJsonObject, type Json, type JsonObject } from '../../../base/json.ts';
import {
  type Channel,
  contactProblem,
  keyProblem,
  readChannel,
  readKey,
  type SetSubscription,
  type SpaceReader,
  type Subscription,
  type SubscriptionProblem,
  setSubscriptions,
  subscriptionGroupId,
  typeProblem,
} from '../../../space/space.ts';
import { recordAudit } from '../../../workspace/workspace.ts';
import { type InputFault, inputInvalid, isRefusal } from '../errors.ts';
import type { PublicApiDeps } from '../public.ts';
import { actorOf, type PublicRoute } from '../route.ts';
import { spaceOrRefusal } from './find-space.ts';

/** In one request. */
export const maxEntries = 1_000;

interface Entry extends JsonObject {
  readonly key: string;
  readonly type: string;
}

export function messagingSubscriptionRoutes({ db, reader, clock }: PublicApiDeps): readonly PublicRoute[] {
  const url = '/spaces/:spaceId/messaging-subscriptions';
  const versions = ['alpha'] as const;
  return [
    {
      method: 'PUT',
      url,
      versions,
      needs: 'space:admin',
      perMinute: 60,
      async handle({ params, body, grant }) {
        const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, 'space:admin');
        if (isRefusal(space)) return space;
        const faults: InputFault[] = [];
        const entries = readEntries(body, faults, checkSettings);
        if (faults.length > 0) return inputInvalid(faults);
        const origin = { at: clock.now(), sourceId: grant.tokenId };
        const outcomes = await setSubscriptions(db, space, entries, origin, (tx) =>
          recordAudit(tx, actorOf(grant), [
            {
              ...{ type: 'Messaging Subscriptions Replaced', resourceType: 'space' },
              ...{ resourceId: space.id, resourceName: space.name },
            },
          ]),
        );
        return { data: sorted(entries, outcomes, (state) => groupsOf(space.id, state, false)) };
      },
    },
    {
      method: 'POST',
      url: `${url}/batch`,
      versions,
      needs: 'space:read',
      async handle({ params, body, grant }) {
        const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, 'space:read');
        if (isRefusal(space)) return space;
        const faults: InputFault[] = [];
        const entries = readEntries(body, faults);
        if (faults.length > 0) return inputInvalid(faults);
        return { data: await readBatch(reader, space, entries) };
      },
    },
  ];
}

/** The entries of a body; what is not of the right kind is told, with its place. */
function readEntries(
  body: Json | undefined,
  faults: InputFault[],
  checkMore?: (entry: JsonObject, at: string, faults: InputFault[]) => void,
): readonly Entry[] {
  const field = 'subscriptions';
  const given = isJsonObject(body) ? body.subscriptions : undefined;
  if (given === undefined) faults.push({ field, message: '"subscriptions" is required' });
  else if (!Array.isArray(given)) faults.push({ field, message: '"subscriptions" must be an array' });
  else if (given.length < 1 || given.length > maxEntries) {
    faults.push({ field, message: `"subscriptions" must contain 1 to ${maxEntries} items` });
  } else {
    for (const [index, entry] of (given as readonly Json[]).entries()) {
      const at = `${field}.${index}`;
      if (!isJsonObject(entry)) {
        faults.push({ field: at, message: `"${at}" must be an object` });
        continue;
      }
      for (const name of ['key', 'type']) checkText(entry, name, at, faults, true);
      checkMore?.(entry, at, faults);
    }
  }
  return faults.length > 0 ? [] : (given as readonly Entry[]);
}

function checkSettings(entry: JsonObject, at: string, faults: InputFault[]): void {
  checkText(entry, 'status', at, faults, false);
  const { groups } = entry;
  if (groups === undefined || groups === null) return;
  const place = `${at}.groups`;
  if (!Array.isArray(groups)) {
    faults.push({ field: place, message: '"groups" must be an array' });
    return;
  }
  for (const [index, group] of (groups as readonly Json[]).entries()) {
    const field = `${place}.${index}`;
    if (!isJsonObject(group)) faults.push({ field, message: `"${field}" must be an object` });
    else for (const name of ['name', 'status']) checkText(group, name, field, faults, true);
  }
}

function checkText(entry: JsonObject, name: string, at: string, faults: InputFault[], isRequired: boolean): void {
  const value = entry[name];
  const isMissing = value === undefined || value === null;
  if (typeof value === 'string' || (isMissing && !isRequired)) return;
  faults.push({ field: `${at}.${name}`, message: `"${name}" ${isMissing ? 'is required' : 'must be a string'}` });
}

/** Keys come back as they were sent, so that callers find them again. */
function sorted(
  entries: readonly Entry[],
  outcomes: readonly SetSubscription[],
  groups: (state: Subscription | null) => readonly object[],
) {
  const successes: object[] = [];
  const failures: object[] = [];
  for (const [at, outcome] of outcomes.entries()) {
    const { key, type } = entries[at] as Entry;
    if (outcome.kind === 'refused') failures.push({ key, type, errors: outcome.problems });
    else {
      const { channel, state } = outcome;
      successes.push({ key, type: channel, ...statusOf(state), groups: groups(state) });
    }
  }
  return { successes, failures };
}

/** Left out while nothing is known. */
function statusOf(state: Subscription | null) {
  return state === null || state.status === null ? {} : { status: state.status };
}

function groupsOf(spaceId: string, state: Subscription | null, withTimes: boolean) {
  return (state?.groups ?? []).map(({ name, status, updatedAt }) => ({
    id: subscriptionGroupId(spaceId, name),
    name,
    status,
    ...(withTimes ? { updatedAt } : {}),
  }));
}

async function readBatch(
  reader: SpaceReader,
  space: { readonly id: string; readonly no: number },
  entries: readonly Entry[],
) {
  const wanted = entries.map(({ key, type }) => contactOf(type, key));
  const contacts = wanted.flatMap((one) => ('channel' in one ? one : []));
  const found = contacts.length === 0 ? [] : await reader.subscriptions(space.no, contacts);
  const states = new Map(found.map((state) => [`${state.channel}:${state.key}`, state]));
  const successes: object[] = [];
  const failures: object[] = [];
  for (const [at, one] of wanted.entries()) {
    const { key, type } = entries[at] as Entry;
    const state = 'channel' in one ? (states.get(`${one.channel}:${one.key}`) ?? null) : null;
    // Messages may have brought what is not of the usual form: what is known is shown.
    const problem = 'code' in one ? one : state === null ? contactProblem(one.channel, one.key) : null;
    if (problem !== null) failures.push({ key, type, errors: [problem] });
    else if ('channel' in one) {
      const updated = state === null ? {} : { updatedAt: state.updatedAt };
      successes.push({
        key,
        type: one.channel,
        ...statusOf(state),
        ...updated,
        groups: groupsOf(space.id, state, true),
      });
    }
  }
  return { successes, failures, errors: [] };
}

function contactOf(type: string, given: string): { channel: Channel; key: string } | SubscriptionProblem {
  const channel = readChannel(type);
  if (channel === null) return typeProblem;
  const key = readKey(channel, given);
  return key === null ? keyProblem(channel) : { channel, key };
}
