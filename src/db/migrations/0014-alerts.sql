-- Alerts: the rules, which of them are open, and what was said to whom. `alerts` is written by src/workspace, the other
-- tables by src/alerts alone.

CREATE TABLE alerts (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  title text,
  events text[] NOT NULL,
  -- Null: all, also those that come later.
  mapping_ids text[] COLLATE "C",
  threshold_percent double precision,
  -- { "channels": [{ "webhook": { "url": null, … } }, …] }, with null in the place of every secret.
  settings jsonb NOT NULL,
  secrets text,
  enabled boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

-- Whether alerts were told of the end of this sync. Those that are there already are history.
ALTER TABLE syncs ADD COLUMN alerts_told boolean NOT NULL DEFAULT true;
ALTER TABLE syncs ALTER COLUMN alerts_told SET DEFAULT false;
CREATE INDEX syncs_untold ON syncs (finished_at, id) WHERE NOT alerts_told AND finished_at IS NOT NULL;
-- For the delivery rate of the last day.
CREATE INDEX syncs_by_end ON syncs (finished_at) WHERE finished_at IS NOT NULL;

-- What is wrong now. A row goes when it is over.
CREATE TABLE open_alerts (
  alert_id text COLLATE "C" NOT NULL,
  mapping_id text COLLATE "C" NOT NULL,
  event text NOT NULL,
  opened_at timestamptz NOT NULL,
  PRIMARY KEY (alert_id, mapping_id, event)
);

-- What was said: the in-app channel. Stays readable after its alert and its mapping are gone.
CREATE TABLE alert_notices (
  id text COLLATE "C" PRIMARY KEY,
  alert_id text COLLATE "C" NOT NULL,
  -- Names as they were.
  alert text NOT NULL,
  mapping_id text COLLATE "C",
  mapping text,
  event text,
  phase text NOT NULL CHECK (phase IN ('opened', 'resolved', 'test')),
  sync_id text COLLATE "C",
  what text NOT NULL,
  why text NOT NULL,
  help text NOT NULL,
  path text NOT NULL,
  -- Not jsonb, which would put the numbers into another order.
  counts json,
  created_at timestamptz NOT NULL,
  read_at timestamptz
);
CREATE INDEX alert_notices_by_time ON alert_notices (created_at DESC, id DESC);
CREATE INDEX alert_notices_unread ON alert_notices (created_at DESC, id DESC) WHERE read_at IS NULL;

-- A notice on its way to one channel: written with the notice, so that none is lost with a process.
CREATE TABLE alert_sends (
  notice_id text COLLATE "C" NOT NULL REFERENCES alert_notices (id) ON DELETE CASCADE,
  -- The place of the channel in its alert.
  channel_no integer NOT NULL,
  channel text NOT NULL CHECK (channel IN ('webhook', 'email', 'slack')),
  state text NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
  attempts integer NOT NULL DEFAULT 0,
  -- When it is due; while a process sends it, when it is taken for dead.
  next_at timestamptz NOT NULL,
  -- What the channel said last, without what it sent back.
  answer text,
  ended_at timestamptz,
  PRIMARY KEY (notice_id, channel_no)
);
CREATE INDEX alert_sends_due ON alert_sends (next_at) WHERE state = 'waiting';
