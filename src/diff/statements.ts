/**
 * The statements of a comparison, once for every engine. They run in the warehouse, in one snapshot; `docs/diff.md` has
 * the reasons.
 */
import type { Column, Dialect } from '../warehouse/warehouse.ts';
import type { ChangeKind, ComparedModel, ReplayedSync } from './diff.ts';

export interface ComparedTables {
  readonly model: ComparedModel;
  readonly columns: readonly Column[];
  /** Those whose changes count. */
  readonly compared: readonly Column[];
  /** The full name of the records table; null when there is none yet. */
  readonly records: string | null;
  /** Whether the records table says which sync delivered a record. */
  readonly marked: boolean;
  /** The sync to replay; null: a usual comparison. */
  readonly replay: ReplayedSync | null;
}

export class DiffStatements {
  readonly #dialect: Dialect;
  readonly #tables: ComparedTables;
  /** The model where a table may stand. */
  readonly #rows: string;
  /** The record id and the checksum of a row of `m`. */
  readonly #id: string;
  readonly #checksum: string;

  constructor(dialect: Dialect, tables: ComparedTables) {
    const { model, columns, compared } = tables;
    const identifier = columns.find((column) => column.name === model.identifierColumn) as Column;
    this.#dialect = dialect;
    this.#tables = tables;
    this.#rows = dialect.subquery(model.query);
    this.#id = dialect.asText(`m.${dialect.identifier(identifier.name)}`, identifier);
    this.#checksum = dialect.checksum('m', compared);
  }

  /**
   * One row: extracted, added, updated, unchanged, deleted, invalid, and rows without identifier. Of a replay also the
   * records that the sync delivered last, and those of them whose row is gone.
   */
  counts(): string {
    const { records, replay } = this.#tables;
    if (records === null) return this.#firstCounts();
    if (replay !== null) return this.#replayCounts(records, replay);
    const checksum = this.#dialect.oneChecksum('n.checksum');
    return `
      SELECT coalesce(sum(m.copies), 0) AS extracted,
        count(*) FILTER (WHERE m.record_id IS NOT NULL AND m.copies = 1 AND r.checksum IS NULL) AS added,
        count(*) FILTER (WHERE m.copies = 1 AND m.checksum <> r.checksum) AS updated,
        count(*) FILTER (WHERE m.copies = 1 AND m.checksum = r.checksum) AS unchanged,
        count(*) FILTER (WHERE m.copies IS NULL AND r.checksum IS NOT NULL) AS deleted,
        ${invalidSums}
      FROM (
        SELECT n.record_id, count(*) AS copies, ${checksum} AS checksum
        FROM (SELECT ${this.#id} AS record_id, ${this.#checksum} AS checksum FROM ${this.#rows} AS m) AS n
        GROUP BY n.record_id
      ) AS m
      FULL JOIN ${records} AS r ON r.record_id = m.record_id`;
  }

  /** Which rows are sent does not depend on their checksums. */
  #replayCounts(records: string, { as }: ReplayedSync): string {
    const valid = 'm.record_id IS NOT NULL AND m.copies = 1';
    const sent = `r.checksum IS NOT NULL AND ${this.#replayed()}`;
    const rows = `count(*) FILTER (WHERE ${valid} AND ${sent})`;
    return `
      SELECT coalesce(sum(m.copies), 0) AS extracted,
        ${as === 'new' ? rows : 0} AS added,
        ${as === 'updated' ? rows : 0} AS updated,
        count(*) FILTER (WHERE ${valid} AND (${sent}) IS NOT TRUE) AS unchanged,
        count(*) FILTER (WHERE m.copies IS NULL AND r.checksum IS NULL AND ${this.#replayed()}) AS deleted,
        ${invalidSums},
        count(*) FILTER (WHERE ${this.#replayed()}) AS known,
        count(*) FILTER (WHERE m.copies IS NULL AND ${sent}) AS gone
      FROM (${this.#copies()}) AS m
      FULL JOIN ${records} AS r ON r.record_id = m.record_id`;
  }

  /** Nothing was delivered yet: no checksum is needed. */
  #firstCounts(): string {
    return `
      SELECT coalesce(sum(m.copies), 0) AS extracted,
        count(*) FILTER (WHERE m.record_id IS NOT NULL AND m.copies = 1) AS added,
        0 AS updated, 0 AS unchanged, 0 AS deleted,
        ${invalidSums}
      FROM (${this.#copies()}) AS m`;
  }

  /** Record ids and how many rows have them. */
  #copies(): string {
    return `
      SELECT n.record_id, count(*) AS copies
      FROM (SELECT ${this.#id} AS record_id FROM ${this.#rows} AS m) AS n
      GROUP BY n.record_id`;
  }

  /**
   * The model's columns, then record id, checksum, revision, whether the row is new, and, once there are records, which
   * sync delivered it last.
   */
  changed(kinds: readonly ChangeKind[], hasRepeated: boolean, limit: number | null): string {
    const { columns, records, replay } = this.#tables;
    const { identifier, checksumText } = this.#dialect;
    const [id, checksum] = [this.#ownName('record_id'), this.#ownName('checksum')];
    const rows = `SELECT m.*, ${this.#id} AS ${id}, ${this.#checksum} AS ${checksum} FROM ${this.#rows} AS m`;
    const isNew = replay === null ? 'r.checksum IS NULL' : `${replay.as === 'new'}`;
    const conditions = [
      records === null
        ? `w.${id} IS NOT NULL`
        : replay === null
          ? changedCondition(kinds, `w.${id}`, `w.${checksum}`)
          : `CASE WHEN w.${id} IS NULL THEN false ELSE r.checksum IS NOT NULL AND ${this.#replayed()} END`,
      ...(hasRepeated ? [this.#notRepeated(`w.${id}`)] : []),
    ];
    return `
      SELECT ${columns.map((column) => `w.${identifier(column.name)}`).join(', ')},
        w.${id}, ${checksumText(`w.${checksum}`)},
        ${records === null ? '0, true' : `coalesce(r.revision, 0), ${isNew}, ${this.#mark()}`}
      FROM (${rows}) AS w
      ${records === null ? '' : `LEFT JOIN ${records} AS r ON r.record_id = w.${id}`}
      WHERE ${conditions.join(' AND ')}
      ${limit === null ? '' : `LIMIT ${limit}`}`;
  }

  /** Record id and revision of the records whose row is gone; of a replay, those whose deletion its sync delivered. */
  deleted(limit: number | null): string {
    const replays = this.#tables.replay !== null;
    const which = replays ? `r.checksum IS NULL AND ${this.#replayed()}` : 'r.checksum IS NOT NULL';
    return this.#withoutRow(which, limit);
  }

  /** Of a replay: record id and revision of what its sync delivered and is gone, while no sync delivered the deletion. */
  gone(limit: number): string {
    return this.#withoutRow(`r.checksum IS NOT NULL AND ${this.#replayed()}`, limit);
  }

  #withoutRow(which: string, limit: number | null): string {
    return `
      SELECT r.record_id, r.revision
      FROM ${this.#tables.records} AS r
      WHERE ${which} AND NOT EXISTS (
        SELECT 1 FROM (SELECT ${this.#id} AS record_id FROM ${this.#rows} AS m) AS n WHERE n.record_id = r.record_id
      )
      ${limit === null ? '' : `LIMIT ${limit}`}`;
  }

  /** The sync that delivered a record last. */
  #mark(): string {
    return this.#tables.marked ? 'r.delivered_by' : 'CAST(NULL AS integer)';
  }

  /** Whether a record was delivered last by the sync that is replayed. */
  #replayed(): string {
    return `${this.#mark()} = ${this.#tables.replay?.no}`;
  }

  /** Record ids (null for rows without one) and how many rows each stands for. */
  invalid(limit: number): string {
    return `
      SELECT m.record_id, m.copies FROM (${this.#copies()}) AS m
      WHERE m.record_id IS NULL OR m.copies > 1
      ORDER BY m.record_id NULLS FIRST
      LIMIT ${limit}`;
  }

  #notRepeated(id: string): string {
    return `NOT EXISTS (SELECT 1 FROM (${this.#copies()}) AS d WHERE d.copies > 1 AND d.record_id = ${id})`;
  }

  /** A column name that no column of the model has. */
  #ownName(name: string): string {
    const taken = new Set(this.#tables.columns.map((column) => column.name.toLowerCase()));
    let own = `millrace_${name}`;
    while (taken.has(own)) own += '_';
    return this.#dialect.identifier(own);
  }
}

const invalidSums = `
        coalesce(sum(m.copies) FILTER (WHERE m.record_id IS NULL OR m.copies > 1), 0) AS invalid,
        coalesce(sum(m.copies) FILTER (WHERE m.record_id IS NULL), 0) AS identifier_null`;

/**
 * A null id is excluded in a CASE: as a condition of its own it would move below the join, where DuckDB guesses that it
 * leaves few rows and then builds its hash table on the wide side.
 */
function changedCondition(kinds: readonly ChangeKind[], id: string, checksum: string): string {
  const fresh = 'r.checksum IS NULL';
  const moved = `${checksum} <> r.checksum`;
  const either = `${checksum} IS DISTINCT FROM r.checksum`;
  const asked = kinds.length === 2 ? either : kinds[0] === 'new' ? fresh : moved;
  return `CASE WHEN ${id} IS NULL THEN false ELSE ${asked} END`;
}
