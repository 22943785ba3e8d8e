/**
 * Evaluates the computations of a space for one profile. In: the profile with its events, computations in order, the
 * time. Out: what the profile holds afterwards, and when time alone can change that. Pure; it breathes in between.
 */
import { type Json, sameJson } from '../base/json.ts';
import type { ComputedValues, Evaluation, SpaceSubject, SpaceSubjectEvent } from '../space/space.ts';
import type { Computation } from './audience.ts';
import type { Lens, Prepared } from './prepare.ts';
import type { Evaluated, Subject } from './query/query.ts';
import { TooMuch } from './query/run.ts';

export interface EvaluatedSubject extends Evaluation {
  readonly computed: ComputedValues | undefined;
  /** Computations that could not be evaluated for this profile: it keeps what it held. */
  readonly passedOver: readonly PassedOver[];
}

export interface PassedOver {
  readonly computationId: string;
  /** Null: it was too much. */
  readonly error: unknown;
}

export async function evaluateSubject(
  subject: SpaceSubject,
  all: readonly Prepared[],
  now: number,
  pause: () => Promise<void> | undefined = () => undefined,
): Promise<EvaluatedSubject> {
  const { profile } = subject;
  const entity = profile.collection === 'users' ? 'USERS' : 'ACCOUNTS';
  const traits = new Map(subject.traits);
  const passedOver: PassedOver[] = [];
  const computed: Record<string, ComputedValues[string]> = { ...subject.computed };
  let isChanged = subject.hasRemains;
  let changesAt = Number.POSITIVE_INFINITY;
  for (const one of all) {
    const { id, key, cadence } = one.computation;
    if (one.computation.entity !== entity) continue;
    await pause();
    const held = Object.hasOwn(computed, key) ? computed[key] : undefined;
    let found = nothing;
    try {
      if (isCounted(subject, one.computation)) found = one.query.evaluate(viewOf(subject, traits, one), now);
    } catch (error) {
      // What fails for one query does not stop the others.
      passedOver.push({ computationId: id, error: error instanceof TooMuch ? null : error });
      continue;
    }
    if (cadence === 'REALTIME' && found.changesAt !== null) changesAt = Math.min(changesAt, found.changesAt);
    const value = heldAfter(one, found.value, held !== undefined);
    if (sameJson(held?.value, value)) continue;
    isChanged = true;
    if (value === undefined) {
      delete computed[key];
      const behind = subject.custom.get(key);
      if (behind === undefined) traits.delete(key);
      else traits.set(key, behind);
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
    passedOver,
  };
}

const nothing: Evaluated = { value: undefined, changesAt: null };

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

/** The profile as one computation may see it. */
export function viewOf(subject: SpaceSubject, traits: ReadonlyMap<string, Json>, lens: Lens): Subject {
  const { from, receivedFrom } = lens;
  const counts = (event: SpaceSubjectEvent) =>
    (from === null || event.at >= from) && (receivedFrom === null || event.receivedAt >= receivedFrom);
  const countsAll = from === null && receivedFrom === null;
  const counted = new Map<string, readonly SpaceSubjectEvent[]>();
  let users: readonly Subject[] | undefined;
  return {
    traits,
    events(name) {
      const events = subject.events.get(name) ?? [];
      if (countsAll) return events;
      // Asked for again and again by those that are looked for from others.
      const found = counted.get(name) ?? events.filter(counts);
      counted.set(name, found);
      return found;
    },
    get users() {
      users ??= subject.users.map((user) => viewOf(user, user.traits, lens));
      return users;
    },
  };
}
