/**
 * Stores what was computed about profiles. In: for each evaluated profile what it holds now, and when it is due next.
 * Promised: a profile that was touched since its facts were read stays due, so that it is computed again; readers see it
 * with the commit; writers lose nothing.
 */
import type { Database, Transaction } from '../../db/db.ts';
import { isCollision, noteChanges, readHead, takeTurn } from '../writing/turns.ts';
import type { ComputedValue } from '../writing/working-set.ts';
import { noteDue, settleDue } from './due.ts';
import { peopleOf } from './memberships.ts';

export type ComputedValues = Readonly<Record<string, ComputedValue>>;

/** A profile that was evaluated. */
export interface Evaluation {
  readonly profileId: string;
  /** Those merged into it: what they hold is cleared. */
  readonly memberIds: readonly string[];
  /** What it holds from now on; undefined: as before. */
  readonly computed: ComputedValues | undefined;
  /** When to look at it next, if nobody touches it; null: never; undefined: as before. */
  readonly dueAt: Date | null | undefined;
}

export interface Evaluated {
  /** The counter of the space before the facts were read. */
  readonly seq: bigint;
  readonly evaluations: readonly Evaluation[];
  /** Profiles that were asked for and are no more. */
  readonly missing: readonly string[];
  /** Accounts whose people are to be evaluated again: something they look at changed here. */
  readonly accounts?: readonly string[];
}

/** `alongside` commits with it. */
export async function writeComputed(
  db: Database,
  spaceNo: number,
  evaluated: Evaluated,
  alongside: (tx: Transaction) => Promise<void> = async () => undefined,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction(async (tx) => {
        await store(tx, spaceNo, evaluated);
        await settle(tx, spaceNo, evaluated);
        await alongside(tx);
      });
    } catch (error) {
      if (!isCollision(error) || attempt === 5) throw error;
    }
  }
}

async function store(tx: Transaction, spaceNo: number, { evaluations, accounts = [] }: Evaluated): Promise<void> {
  const changed = evaluations.filter(({ computed }) => computed !== undefined);
  if (changed.length === 0) return;
  await readHead(tx, spaceNo);
  const turn = await takeTurn(tx, spaceNo);
  const cleared = changed.flatMap(({ memberIds }) => memberIds);
  if (cleared.length > 0) {
    await tx.query({
      name: 'space-clear-computed',
      text: `UPDATE profiles SET computed = NULL, member_of = NULL
        WHERE space_no = $1 AND profile_id = ANY($2) AND computed IS NOT NULL`,
      values: [spaceNo, cleared],
    });
  }
  const rows = changed.map(({ profileId, computed = {} }) => ({ profileId, ...columnsOf(computed) }));
  // What was merged is left out by a condition that no index knows: one that an index knows leads past the primary key.
  await tx.query({
    name: 'space-write-computed',
    text: `UPDATE profiles p SET computed = d.computed, member_of = string_to_array(d.member_of, ',')
      FROM unnest($2::text[], $3::json[], $4::text[]) AS d (profile_id, computed, member_of)
      WHERE p.space_no = $1 AND p.profile_id = d.profile_id AND coalesce(p.merged_into, '') = ''`,
    values: [
      spaceNo,
      rows.map((row) => row.profileId),
      rows.map((row) => row.computed),
      rows.map((row) => row.memberOf),
    ],
  });
  await noteChanges(tx, spaceNo, turn.seq, [...changed.map(({ profileId }) => profileId), ...cleared]);
  await noteDue(tx, spaceNo, turn.seq, await peopleOf(tx, spaceNo, accounts));
}

/** As the row holds them. */
export function columnsOf(computed: ComputedValues): { computed: string | null; memberOf: string | null } {
  const values = Object.values(computed);
  const memberOf = values.filter(({ by, value }) => value === true && by.startsWith('aud_')).map(({ by }) => by);
  return {
    computed: values.length === 0 ? null : JSON.stringify(computed),
    memberOf: memberOf.length === 0 ? null : memberOf.join(','),
  };
}

async function settle(tx: Transaction, spaceNo: number, { seq, evaluations, missing }: Evaluated): Promise<void> {
  const done = [...missing];
  const next = new Map<string, Date>();
  for (const { profileId, memberIds, dueAt } of evaluations) {
    if (dueAt === undefined) continue;
    done.push(profileId, ...memberIds);
    if (dueAt !== null) next.set(profileId, dueAt);
  }
  if (done.length > 0) await settleDue(tx, spaceNo, seq, done, next);
}
