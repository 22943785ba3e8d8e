/**
 * Change detection. In: a model, and the memory in the warehouse of what was delivered (the records table). Out: counts,
 * and batches of changes: new, updated, deleted. Promised: one snapshot; every row of the model is exactly one of new,
 * updated, unchanged or invalid; memory does not grow with the number of rows; nothing is written by comparing.
 */
import type { Column, Row } from '../warehouse/warehouse.ts';

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

export interface Comparison extends AsyncDisposable {
  /** When the snapshot was taken. */
  readonly at: Date;
  readonly columns: readonly Column[];
  readonly counts: ComparisonCounts;
  /** The changes of these kinds: new and updated first, then deleted. */
  changes(
    kinds: ReadonlySet<ChangeKind>,
    options?: { batchSize?: number; signal?: AbortSignal },
  ): AsyncIterable<ChangeBatch>;
  /** The invalid rows, one entry per identifier, at most `limit` of them. */
  invalidRows(limit: number): Promise<readonly InvalidRow[]>;
}
