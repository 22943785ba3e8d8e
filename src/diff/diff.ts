/**
 * Change detection. In: a model, and the memory in the warehouse of what was delivered (the records table). Out: counts,
 * and batches of changes: new, updated, deleted. Promised: one snapshot; every row of the model is exactly one of new,
 * updated, unchanged or invalid; memory does not grow with the number of rows; nothing is written by comparing.
 */
import type { Column, Row } from '../warehouse/warehouse.ts';
import type { ModelLimits } from './limits.ts';

export { compare } from './comparison.ts';
export { checkModel, type ModelLimits, type SizeLimits, sizeCheck } from './limits.ts';

export type ChangeKind = 'new' | 'updated' | 'deleted';

/** The parts of a model that comparison needs. */
export interface ComparedModel {
  readonly query: string;
  readonly identifierColumn: string;
}

export interface Change {
  readonly kind: ChangeKind;
  readonly recordId: string;
  /** The checksum to record when it is delivered, 32 hex digits; null for a deletion. */
  readonly checksum: string | null;
  /** How often the record has moved before: 0 when it was never seen. The next entry has one more. */
  readonly revision: number;
  /** Of a row that was delivered before: the number of the sync that delivered it last; null when that is not known. */
  readonly deliveredBy: number | null;
  /** The model's columns in order; all null for a deletion. */
  readonly row: Row;
}

export interface ChangeBatch {
  readonly columns: readonly Column[];
  readonly changes: readonly Change[];
  /** How many NaN or infinite values became null. */
  readonly notFinite: number;
}

export interface ComparisonCounts {
  /** Rows of the model. */
  readonly extracted: number;
  readonly added: number;
  readonly updated: number;
  /** Records whose row is gone. */
  readonly deleted: number;
  readonly unchanged: number;
  /** Rows with a null or a repeated identifier. */
  readonly invalid: number;
}

export interface InvalidRow {
  /** Null when the identifier is null. */
  readonly recordId: string | null;
  readonly reason: 'identifier_null' | 'identifier_duplicate';
  /** How many rows of the model it stands for. */
  readonly rows: number;
}

/** What a sync delivered, as the records table has it now. */
export interface Replayed {
  /** Records whose last delivery was by that sync: rows and deletions. */
  readonly known: number;
  /** Of these, records whose row is gone while their deletion is not delivered. */
  readonly gone: number;
}

export interface ChangesOptions {
  /** Changes per batch, about. */
  readonly batchSize?: number;
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface Comparison extends AsyncDisposable {
  /** When the snapshot was taken. */
  readonly at: Date;
  readonly columns: readonly Column[];
  readonly counts: ComparisonCounts;
  /** Null of a usual comparison. */
  readonly replayed: Replayed | null;
  /**
   * The changes of these kinds: new and updated first, then deleted; at most `limit` of them, the rest then stays
   * changed for the next comparison. Iterating ends with `model_not_deterministic` when other changes came than
   * were counted.
   */
  changes(kinds: ReadonlySet<ChangeKind>, options?: ChangesOptions): AsyncIterable<ChangeBatch>;
  /** The invalid rows, one entry per identifier, at most `limit` of them. Not while changes are being read. */
  invalidRows(limit: number): Promise<readonly InvalidRow[]>;
  /** Of a replay: the ids of the records whose row is gone, at most `limit` of them. Not while changes are being read. */
  goneRows(limit: number): Promise<readonly string[]>;
}

/** Which sync is replayed, and as what. */
export interface ReplayedSync {
  /** Its number. */
  readonly no: number;
  /** The kind of change that its rows come as. */
  readonly as: 'new' | 'updated';
}

export interface CompareOptions {
  /** The records table; it need not exist. */
  readonly table: string;
  /** The columns whose changes count. */
  readonly columns: readonly string[] | 'all';
  /**
   * Replays a sync: instead of what differs, the changes are the rows that it delivered last, as they are now, and the
   * deletions that it delivered last of rows that are still gone. Rows that differ from what others delivered count as
   * unchanged.
   */
  readonly replay?: ReplayedSync;
  readonly limits?: Partial<ModelLimits>;
  readonly signal?: AbortSignal;
}

/** What is too large: one value, or (column null) the whole record; in bytes of JSON. */
export interface Oversize {
  readonly column: string | null;
  readonly bytes: number;
}
