-- Runs of mappings, the rows that went wrong in them, and what has to survive a crash. The tables are written and read
-- by src/sync alone. Ids are made by the application; nothing here refers to configuration by foreign key, because a
-- run stays readable after its mapping is gone.

-- One run of one mapping.
CREATE TABLE syncs (
  id text COLLATE "C" PRIMARY KEY,
  mapping_id text COLLATE "C" NOT NULL,
  -- Names as they were when the sync ran.
  mapping text NOT NULL,
  model text NOT NULL,
  destination text NOT NULL,
  state text NOT NULL CHECK (state IN
    ('extracting', 'loading', 'cancelling', 'succeeded', 'partially succeeded', 'failed', 'cancelled')),
  -- Why it ended as it did: an error code, and a sentence with what to do.
  code text,
  reason text,
  help text,
  warnings text[] NOT NULL DEFAULT '{}',
  started_at timestamptz NOT NULL,
  -- When the comparison was done and loading began.
  loading_at timestamptz,
  finished_at timestamptz,
  extracted bigint NOT NULL DEFAULT 0,
  added bigint NOT NULL DEFAULT 0,
  updated bigint NOT NULL DEFAULT 0,
  deleted bigint NOT NULL DEFAULT 0,
  unchanged bigint NOT NULL DEFAULT 0,
  invalid bigint NOT NULL DEFAULT 0,
  delivered bigint NOT NULL DEFAULT 0,
  refused bigint NOT NULL DEFAULT 0,
  skipped bigint NOT NULL DEFAULT 0,
  given_up bigint NOT NULL DEFAULT 0,
  retried bigint NOT NULL DEFAULT 0,
  profiles_created bigint NOT NULL DEFAULT 0,
  accounts_created bigint NOT NULL DEFAULT 0,
  merged bigint NOT NULL DEFAULT 0,
  traits_changed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE INDEX syncs_by_mapping ON syncs (mapping_id, started_at DESC, id DESC);
CREATE INDEX syncs_by_time ON syncs (started_at DESC, id DESC);
CREATE INDEX syncs_running ON syncs (mapping_id) WHERE state IN ('extracting', 'loading', 'cancelling');

-- The rows of a sync that were not delivered and not merely skipped.
CREATE TABLE sync_rows (
  sync_id text COLLATE "C" NOT NULL,
  -- The order of listing: the number of the batch times a million, plus the place in it.
  no bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('invalid', 'refused', 'later', 'given up')),
  -- Null for rows whose identifier is null.
  record_id text,
  -- How many rows of the model it stands for.
  rows bigint NOT NULL,
  code text NOT NULL,
  reason text NOT NULL,
  -- The message that was built, as JSON text; null when there was none, or when it is too large to keep.
  message text,
  PRIMARY KEY (sync_id, no)
);

-- What a batch settled and the records table of the warehouse does not know yet. Written in the transaction of the
-- batch, deleted when the warehouse has it; leftovers of a crash are applied before the next comparison.
CREATE TABLE sync_receipts (
  mapping_id text COLLATE "C" NOT NULL,
  -- Of the mapping: what an earlier epoch left is void.
  epoch integer NOT NULL,
  sync_id text COLLATE "C" NOT NULL,
  batch integer NOT NULL,
  -- JSON text: { "ids": […], "checksums": […], "revisions": […] }, the entries of the records table.
  entries text NOT NULL,
  PRIMARY KEY (mapping_id, epoch, sync_id, batch)
);
ALTER TABLE sync_receipts ALTER COLUMN entries SET STORAGE EXTERNAL;

-- Rows that failed, until they are delivered, change, or disappear.
CREATE TABLE failing_rows (
  mapping_id text COLLATE "C" NOT NULL,
  epoch integer NOT NULL,
  -- The record id, with backslash and NUL escaped.
  record_key text COLLATE "C" NOT NULL,
  -- Of the row that failed; null for a deletion. Another checksum starts the count again.
  checksum text,
  attempts integer NOT NULL,
  first_failed_at timestamptz NOT NULL,
  reason text NOT NULL,
  -- The sync that saw it last; rows that a complete sync has not seen differ no longer.
  sync_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (mapping_id, epoch, record_key)
);

-- Mappings whose first sync records the state and sends nothing, while that sync is not complete: should it be killed,
-- the next one goes on so.
CREATE TABLE skipped_backfills (
  mapping_id text COLLATE "C" NOT NULL,
  epoch integer NOT NULL,
  PRIMARY KEY (mapping_id, epoch)
);
