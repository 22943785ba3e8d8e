import type { ModelLimits } from '../diff/diff.ts';

/** The limits of a sync, with the defaults of `reverse-etl.md`. Names shared with the configuration mean the same. */
export interface SyncSettings {
  /** Rows of a batch: one transaction of the space. */
  readonly batchSize: number;
  /** Batches that may be on their way at once. */
  readonly inFlight: number;
  /** Entries of the records table that are written to the warehouse in one go. */
  readonly lumpSize: number;
  /** A row that failed in so many syncs is given up until it changes. */
  readonly retrySyncs: number;
  /** And so is a row that first failed so many days ago. */
  readonly retryDays: number;
  /** Changes that one sync takes; the rest waits for the next. */
  readonly recordsPerSync: number;
  /** Size of a row as JSON, and of one value; a larger one is refused. */
  readonly recordBytes: number;
  readonly valueBytes: number;
  /** Of queries and their columns; `diff/` has the defaults. */
  readonly modelLimits: Partial<ModelLimits>;
  /** Invalid rows that are listed. */
  readonly invalidRowsKept: number;
  /** Messages that are kept with failed rows, of one sync, and the characters one may have. */
  readonly messagesKept: number;
  readonly messageLength: number;
  /** Days that the history of a sync is kept. */
  readonly historyDays: number;
  /** How often a running sync looks whether it was cancelled, in milliseconds. */
  readonly watchEvery: number;
  /** How long a cancelled or failed sync waits for batches on their way, in milliseconds. */
  readonly grace: number;
}

export const defaultSyncSettings: SyncSettings = {
  batchSize: 1_500,
  inFlight: 3,
  lumpSize: 20_000,
  retrySyncs: 5,
  retryDays: 14,
  recordsPerSync: 150_000_000,
  recordBytes: 512 * 1024,
  valueBytes: 128 * 1024,
  modelLimits: {},
  invalidRowsKept: 1_000,
  messagesKept: 1_000,
  messageLength: 32_768,
  historyDays: 30,
  watchEvery: 500,
  grace: 10_000,
};
