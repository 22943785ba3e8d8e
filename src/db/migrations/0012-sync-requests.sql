-- Syncs that somebody or a schedule asked for. A row stays until its sync has ended, so that a process that dies with it
-- leaves it to another. One of a mapping at a time.
CREATE TABLE sync_requests (
  -- The id its sync has, or will have.
  sync_id text COLLATE "C" PRIMARY KEY,
  mapping_id text COLLATE "C" NOT NULL UNIQUE,
  reason text NOT NULL CHECK (reason IN ('manual', 'scheduled', 'replay', 'retry')),
  -- A token's id, `cli`, or `schedule`.
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL,
  -- Of a replay: { "syncId": … }.
  options jsonb NOT NULL DEFAULT '{}'
);
