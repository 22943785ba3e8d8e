/** One comparison: its counts at once, its changes when they are asked for. */
import { MillraceError } from '../base/errors.ts';
import type { Column, Row, RowBatch, Snapshot, Value, Warehouse } from '../warehouse/warehouse.ts';
import type {
  Change,
  ChangeBatch,
  ChangeKind,
  ChangesOptions,
  ComparedModel,
  CompareOptions,
  Comparison,
  ComparisonCounts,
  InvalidRow,
  Replayed,
} from './diff.ts';
import { checkModel } from './limits.ts';
import { type ComparedTables, DiffStatements } from './statements.ts';

/**
 * Compares a model with its records table, in one snapshot that stays open until the comparison is disposed. Counts at
 * once, in a narrow statement; rows travel only when `changes` is called.
 */
export async function compare(
  warehouse: Warehouse,
  model: ComparedModel,
  options: CompareOptions,
): Promise<Comparison> {
  const columns = await checkModel(warehouse, model, options.limits);
  const compared = comparedColumns(columns, options.columns);
  const known = await warehouse.hasState(options.table);
  if (!known && options.replay !== undefined) {
    throw new MillraceError('sync_replay_unknown', 'Nothing is remembered of what the mapping delivered.');
  }
  const marked = known && (await warehouse.marksDeliveries(options.table));
  const snapshot = await warehouse.snapshot(options.signal);
  try {
    const records = known ? warehouse.dialect.stateTable(options.table) : null;
    const { replay = null } = options;
    const tables: ComparedTables = { model, columns, compared, records, marked, replay };
    const statements = new DiffStatements(warehouse.dialect, tables);
    const counted = await snapshot.query(statements.counts(), options.signal);
    return new SnapshotComparison(snapshot, statements, columns, readCounts(counted, replay !== null));
  } catch (error) {
    await snapshot[Symbol.asyncDispose]();
    throw error;
  }
}

/** The columns that count, in the model's order. */
function comparedColumns(columns: readonly Column[], wanted: readonly string[] | 'all'): readonly Column[] {
  if (wanted === 'all') return columns;
  const names = new Set(wanted);
  const found = columns.filter((column) => names.delete(column.name));
  if (names.size === 0) return found;
  const missing = [...names].map((name) => JSON.stringify(name)).join(', ');
  const there = columns.map((column) => column.name).join(', ');
  throw new MillraceError('model_column_missing', `The query gives no column ${missing}; it gives: ${there}.`);
}

interface Counted extends ComparisonCounts {
  readonly identifierNull: number;
  readonly replayed: Replayed | null;
}

function readCounts(batch: RowBatch, replays: boolean): Counted {
  const row = batch.rows[0] ?? [];
  const number = (index: number) => Number(row[index] ?? 0);
  return {
    extracted: number(0),
    added: number(1),
    updated: number(2),
    unchanged: number(3),
    deleted: number(4),
    invalid: number(5),
    identifierNull: number(6),
    replayed: replays ? { known: number(7), gone: number(8) } : null,
  };
}

class SnapshotComparison implements Comparison {
  readonly at: Date;
  readonly columns: readonly Column[];
  readonly counts: ComparisonCounts;
  readonly replayed: Replayed | null;
  readonly #snapshot: Snapshot;
  readonly #statements: DiffStatements;
  readonly #hasRepeated: boolean;

  constructor(snapshot: Snapshot, statements: DiffStatements, columns: readonly Column[], counted: Counted) {
    const { identifierNull, replayed, ...counts } = counted;
    this.at = snapshot.at;
    this.columns = columns;
    this.counts = counts;
    this.replayed = replayed;
    this.#snapshot = snapshot;
    this.#statements = statements;
    this.#hasRepeated = counts.invalid > identifierNull;
  }

  async *changes(kinds: ReadonlySet<ChangeKind>, options: ChangesOptions = {}): AsyncGenerator<ChangeBatch> {
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    let left = limit;
    for (const wanted of [rowKinds(kinds), kinds.has('deleted') ? (['deleted'] as const) : []]) {
      const expected = Math.min(this.#count(wanted), left);
      let came = 0;
      if (expected > 0) {
        for await (const batch of this.#stream(wanted, expected < this.#count(wanted) ? expected : null, options)) {
          came += batch.changes.length;
          yield batch;
        }
      }
      if (came !== expected) this.#otherRows(expected, came);
      left -= came;
    }
  }

  async invalidRows(limit: number): Promise<readonly InvalidRow[]> {
    if (this.counts.invalid === 0) return [];
    const { rows } = await this.#snapshot.query(this.#statements.invalid(limit));
    return rows.map(([recordId, count]) => ({
      recordId: recordId as string | null,
      reason: recordId === null ? 'identifier_null' : 'identifier_duplicate',
      rows: Number(count),
    }));
  }

  async goneRows(limit: number): Promise<readonly string[]> {
    if (this.replayed === null || this.replayed.gone === 0) return [];
    const { rows } = await this.#snapshot.query(this.#statements.gone(limit));
    return rows.map(([recordId]) => recordId as string);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#snapshot[Symbol.asyncDispose]();
  }

  #count(kinds: readonly ChangeKind[]): number {
    const { added, updated, deleted } = this.counts;
    const of: Readonly<Record<ChangeKind, number>> = { new: added, updated, deleted };
    return kinds.reduce((sum, kind) => sum + of[kind], 0);
  }

  async *#stream(
    kinds: readonly ChangeKind[],
    limit: number | null,
    options: ChangesOptions,
  ): AsyncGenerator<ChangeBatch> {
    const removed = kinds[0] === 'deleted';
    const sql = removed ? this.#statements.deleted(limit) : this.#statements.changed(kinds, this.#hasRepeated, limit);
    const toChange = removed ? deletion(this.columns.length) : rowChange(this.columns.length);
    for await (const batch of this.#snapshot.stream(sql, options)) {
      yield { columns: this.columns, changes: batch.rows.map(toChange), notFinite: batch.notFinite };
    }
  }

  #otherRows(expected: number, came: number): never {
    throw new MillraceError(
      'model_not_deterministic',
      `The query gave ${came} changed rows after ${expected} had been counted in the same snapshot.`,
    );
  }
}

function rowKinds(kinds: ReadonlySet<ChangeKind>): readonly ChangeKind[] {
  return (['new', 'updated'] as const).filter((kind) => kinds.has(kind));
}

/**
 * Rows as `DiffStatements.changed` gives them: the model's columns, then ours, which are cut off in place: a copy of every
 * row would be felt.
 */
function rowChange(width: number): (row: Row) => Change {
  return (row) => {
    const [recordId, checksum, revision, isNew] = [row[width], row[width + 1], row[width + 2], row[width + 3]];
    const deliveredBy = (row[width + 4] ?? null) as number | null;
    (row as Value[]).length = width;
    return {
      kind: isNew === true ? 'new' : 'updated',
      recordId: recordId as string,
      checksum: checksum as string,
      revision: revision as number,
      deliveredBy,
      row,
    };
  };
}

function deletion(width: number): (row: Row) => Change {
  const nothing: Row = new Array(width).fill(null);
  return (row) => ({
    kind: 'deleted',
    recordId: row[0] as string,
    checksum: null,
    revision: row[1] as number,
    deliveredBy: null,
    row: nothing,
  });
}
