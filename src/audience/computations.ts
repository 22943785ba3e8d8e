/**
 * Definitions of audiences and computed traits: finding and making them. In: what a person says. Out: the computation,
 * or why it is not taken. Promised: changes of a space's definitions come one after the other; what is handed in as
 * `alongside` commits with the change or not at all; a key is given once in a space, for ever.
 */
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Database, Queryable, Transaction } from '../db/db.ts';
import { startComputing } from '../space/space.ts';
import type { Computation, ComputationKind, Entity } from './audience.ts';
import {
  type ComputationRefusal,
  completeOptions,
  definitionFaults,
  type GivenOptions,
  queryFaults,
  refusal,
} from './definition.ts';
import { keyOf } from './keys.ts';
import { compileQuery } from './query/compile.ts';
import { circleOf, readersOf } from './references.ts';
import { type ComputationRow, computationOf } from './rows.ts';

export interface DefinitionContext {
  readonly db: Database;
  readonly clock: Clock;
}

/** Writes with a change, e.g. to the audit trail. */
export type Alongside<T> = (tx: Transaction, it: T) => Promise<void>;

/** The most of a space that are not deleted. */
export const mostComputations: Readonly<Record<ComputationKind, number>> = { audience: 100, computed_trait: 50 };

/** Those of a space that are not deleted, oldest first; of one kind, or of both. */
export async function listComputations(
  db: Queryable,
  spaceNo: number,
  kind?: ComputationKind,
): Promise<readonly Computation[]> {
  const { rows } = await db.query<ComputationRow>(
    `SELECT * FROM computations
      WHERE space_no = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR kind = $2)
      ORDER BY created_at, computation_id`,
    [spaceNo, kind ?? null],
  );
  return rows.map(computationOf);
}

/** What those among these ids are called that are still there. */
export async function namesOfComputations(
  db: Queryable,
  spaceNo: number,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await db.query<{ computation_id: string; name: string }>({
    name: 'computations-names',
    text: `SELECT computation_id, name FROM computations
      WHERE space_no = $1 AND computation_id = ANY($2) AND deleted_at IS NULL`,
    values: [spaceNo, ids],
  });
  return new Map(rows.map(({ computation_id, name }) => [computation_id, name]));
}

/** Null when there is none, or none any more. */
export async function findComputation(
  db: Queryable,
  spaceNo: number,
  kind: ComputationKind,
  id: string,
): Promise<Computation | null> {
  if (id.includes('\0')) return null;
  const { rows } = await db.query<ComputationRow>(
    `SELECT * FROM computations
      WHERE space_no = $1 AND computation_id = $2 AND kind = $3 AND deleted_at IS NULL`,
    [spaceNo, id, kind],
  );
  return rows[0] === undefined ? null : computationOf(rows[0]);
}

/** Those of the same space whose queries look at what this one writes. */
export async function listReaders(db: Queryable, computation: Computation): Promise<readonly Computation[]> {
  return readersOf(computation, await listComputations(db, computation.spaceNo));
}

/**
 * Runs `work` alone among the changes to the definitions of a space. Who takes part in `work` the space's turn
 * (`startComputing`, `stopComputing`) does it before it changes rows of computations: the worker goes the same way.
 * Error: `not_found` when the space was removed.
 */
export async function changeDefinitions<T>(
  db: Database,
  spaceNo: number,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    // What the lock waited for must be seen, whatever the server's default is.
    await tx.query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
    const { rowCount } = await tx.query('SELECT FROM spaces WHERE no = $1 FOR NO KEY UPDATE', [spaceNo]);
    if (rowCount === 0) throw new MillraceError('not_found', 'The space is not there any more.');
    return work(tx);
  });
}

export interface NewComputation {
  readonly kind: ComputationKind;
  readonly entity: Entity;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly query: string;
  readonly options: GivenOptions;
}

/** `by`: who makes it, as the audit trail names them. */
export async function createComputation(
  { db, clock }: DefinitionContext,
  spaceNo: number,
  wanted: NewComputation,
  by: string,
  alongside: Alongside<Computation>,
): Promise<Computation | ComputationRefusal> {
  const { kind, entity, name, description, enabled, query } = wanted;
  const compiled = compileQuery(query, wanted);
  const faults = definitionFaults(wanted, { name });
  if (compiled.kind === 'faulty') {
    return { kind: 'refused', reason: 'invalid', faults: [...faults, ...queryFaults(compiled.faults)] };
  }
  if (faults.length > 0) return { kind: 'refused', reason: 'invalid', faults };
  const key = keyOf(name);
  const options = completeOptions(wanted, compiled.query, wanted.options);
  return changeDefinitions(db, spaceNo, async (tx) => {
    const others = await listComputations(tx, spaceNo);
    const refused =
      tooMany(others, kind) ?? (await keyTaken(tx, spaceNo, key)) ?? circular({ kind, entity, key, query }, others);
    if (refused !== null) return refused;
    if (enabled) await startComputing(tx, spaceNo);
    const now = clock.now();
    const { rows } = await tx.query<ComputationRow>(
      `INSERT INTO computations (space_no, computation_id, kind, name, key, description, entity, enabled, query, options,
          cadence, created_at, created_by, updated_at, updated_by, run_asked_at, run_cursor, run_reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12, $13, $14, $15, $16) RETURNING *`,
      [
        ...[spaceNo, newId(kind === 'audience' ? 'aud' : 'tra'), kind, name, key, description, entity, enabled, query],
        ...[JSON.stringify(options), compiled.query.cadence, now, by],
        ...(enabled ? [now, '', 'first'] : [null, null, null]),
      ],
    );
    const made = computationOf(rows[0] as ComputationRow);
    await alongside(tx, made);
    return made;
  });
}

const words: Readonly<Record<ComputationKind, { readonly one: string; readonly many: string }>> = {
  audience: { one: 'The audience', many: 'audiences' },
  computed_trait: { one: 'The computed trait', many: 'computed traits' },
};

/** `The audience "Big Spenders"`. */
export function shownName({ kind, name }: Pick<Computation, 'kind' | 'name'>): string {
  return `${words[kind].one} "${name}"`;
}

function tooMany(others: readonly Computation[], kind: ComputationKind): ComputationRefusal | null {
  const most = mostComputations[kind];
  if (others.filter((one) => one.kind === kind).length < most) return null;
  const { many } = words[kind];
  return refusal('impossible', 'definition', `A space has at most ${most} ${many}. Delete one that is not needed.`);
}

async function keyTaken(tx: Transaction, spaceNo: number, key: string): Promise<ComputationRefusal | null> {
  const { rows } = await tx.query<ComputationRow>('SELECT * FROM computations WHERE space_no = $1 AND key = $2', [
    spaceNo,
    key,
  ]);
  if (rows[0] === undefined) return null;
  const owner = computationOf(rows[0]);
  const whose = owner.deletedAt === null ? `${shownName(owner)} has` : `${shownName(owner)} had, until it was deleted,`;
  return refusal('conflict', 'name', `${whose} the key "${key}". A key is never given again: choose another name.`);
}

/** Refuses what would read itself, straight or by way of others. */
export function circular(
  own: Pick<Computation, 'kind' | 'entity' | 'key' | 'query'>,
  others: readonly Computation[],
): ComputationRefusal | null {
  const way = circleOf(own, others);
  if (way === null) return null;
  const steps = way.slice(1).map((key, at) => `${way[at]} looks at ${key}`);
  return refusal(
    'impossible',
    'query',
    `This would go in a circle: ${steps.join(', ')}. Take one of these traits out of a query.`,
  );
}
