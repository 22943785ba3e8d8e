/**
 * Evaluates the computations of a space for one profile. In: the profile with its events, computations in order, the
 * time. Out: what the profile holds afterwards, and when time alone can change that. Pure.
 */
import { type Json, sameJson } from '../base/json.ts';
import type { ComputedValues, Evaluation, SpaceSubject, SpaceSubjectEvent } from '../space/space.ts';
import type { Computation } from './audience.ts';
import type { Lens, Prepared } from './prepare.ts';
import type { Subject } from './query/query.ts';

export function evaluateSubject(
  subject: SpaceSubject,
  all: readonly Prepared[],
  now: number,
): Evaluation & { readonly computed: ComputedValues | undefined } {
  const { profile } = subject;
  const entity = profile.collection === 'users' ? 'USERS' : 'ACCOUNTS';
  const traits = traitsOf(subject);
  const computed: Record<string, ComputedValues[string]> = { ...subject.computed };
  let isChanged = subject.hasRemains;
  let changesAt = Number.POSITIVE_INFINITY;
  for (const one of all) {
    const { id, key, cadence } = one.computation;
    if (one.computation.entity !== entity) continue;
    const held = Object.hasOwn(computed, key) ? computed[key] : undefined;
    const found = isCounted(subject, one.computation)
      ? one.query.evaluate(viewOf(subject, traits, one), now)
      : { value: undefined, changesAt: null };
    if (cadence === 'REALTIME' && found.changesAt !== null) changesAt = Math.min(changesAt, found.changesAt);
    const value = heldAfter(one, found.value, held !== undefined);
    if (sameJson(held?.value, value)) continue;
    isChanged = true;
    if (value === undefined) {
      delete computed[key];
      traits.delete(key);
    } else {
      computed[key] = { value, by: id, at: now };
      traits.set(key, value);
    }
  }
  return {
    profileId: profile.segmentId,
    memberIds: profile.mergedSegmentIds,
    computed: isChanged ? computed : undefined,
    dueAt: entity === 'ACCOUNTS' ? undefined : Number.isFinite(changesAt) ? new Date(changesAt) : null,
  };
}

/** Who was never in an audience, or never had a value, holds nothing; whoever was or had keeps a sign of it. */
function heldAfter({ computation, query }: Prepared, value: Json | undefined, hadValue: boolean): Json | undefined {
  if (computation.kind === 'audience') return value === true ? true : hadValue ? false : undefined;
  return value ?? (hadValue ? query.emptied : undefined);
}

/** Of the population of the computation: someone with an identifier of one of its types. */
export function isCounted({ profile }: SpaceSubject, { entity, options }: Pick<Computation, 'entity' | 'options'>) {
  if (entity === 'ACCOUNTS') return true;
  const { filterByExternalIds: types } = options;
  return profile.externalIds.some(({ type }) => types.includes(type));
}

export function traitsOf({ profile }: SpaceSubject): Map<string, Json> {
  return new Map(profile.traits.map(({ key, value }) => [key, value]));
}

/** The profile as one computation may see it. */
export function viewOf(subject: SpaceSubject, traits: ReadonlyMap<string, Json>, lens: Lens): Subject {
  const { from, receivedFrom } = lens;
  const counts = (event: SpaceSubjectEvent) =>
    (from === null || event.at >= from) && (receivedFrom === null || event.receivedAt >= receivedFrom);
  const countsAll = from === null && receivedFrom === null;
  let users: readonly Subject[] | undefined;
  return {
    traits,
    events(name) {
      const events = subject.events.get(name) ?? [];
      return countsAll ? events : events.filter(counts);
    },
    get users() {
      users ??= subject.users.map((user) => viewOf(user, traitsOf(user), lens));
      return users;
    },
  };
}
