-- When mappings run by themselves, and syncs that go on in another process under the same id.

-- What the schedule of a mapping has come to. A row is there as long as the mapping has a schedule.
CREATE TABLE mapping_schedules (
  mapping_id text COLLATE "C" PRIMARY KEY,
  -- As it was when the row was written; another one in the mapping is taken over at the next look.
  schedule jsonb NOT NULL,
  -- Where intervals are counted from.
  anchor timestamptz NOT NULL,
  -- Null: the schedule means no time any more.
  next_run timestamptz,
  -- An interval that has not started a sync yet: it does as soon as it can.
  waits_for_first boolean NOT NULL,
  -- When it started a sync last.
  last_run timestamptz
);

-- Runs that could not start.
CREATE TABLE missed_schedules (
  id text COLLATE "C" PRIMARY KEY,
  mapping_id text COLLATE "C" NOT NULL,
  -- Its name as it was.
  mapping text NOT NULL,
  due_at timestamptz NOT NULL,
  at timestamptz NOT NULL,
  code text NOT NULL,
  reason text NOT NULL
);
CREATE INDEX missed_schedules_by_time ON missed_schedules (at DESC, id DESC);
CREATE INDEX missed_schedules_by_mapping ON missed_schedules (mapping_id, at DESC, id DESC);

ALTER TABLE sync_requests
  -- When a process took it. One that has no sync a quarter of a minute later is free again.
  ADD COLUMN claimed_at timestamptz,
  -- How often a process began it, without those that gave it back.
  ADD COLUMN begun integer NOT NULL DEFAULT 0;

ALTER TABLE syncs
  -- Goes up when another process goes on with it; the one before writes nothing any more.
  ADD COLUMN attempt integer NOT NULL DEFAULT 1,
  -- Of the rows that are settled for good, so that a later attempt does not meet them: their kinds of change, and how many
  -- of them had failed in an earlier sync.
  ADD COLUMN kept_added bigint NOT NULL DEFAULT 0,
  ADD COLUMN kept_updated bigint NOT NULL DEFAULT 0,
  ADD COLUMN kept_deleted bigint NOT NULL DEFAULT 0,
  ADD COLUMN kept_retried bigint NOT NULL DEFAULT 0;

-- The sync that counted the last failure: its own further attempts do not count again.
ALTER TABLE failing_rows ADD COLUMN counted_in text COLLATE "C" NOT NULL DEFAULT '';

-- Finds among changes those that failed in a sync. A record id may be longer than other indexes take.
CREATE INDEX sync_rows_by_record ON sync_rows USING hash (record_id) WHERE kind <> 'invalid';
