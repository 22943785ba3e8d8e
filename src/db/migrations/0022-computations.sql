-- Audiences and computed traits: what they are, what they found out about profiles, and which profiles are to be looked at.

ALTER TABLE profiles
  -- {key: {value, by, at}}: by = the computation, at = ms since 1970. Null: none. Of the parent alone; merged rows lose theirs.
  ADD COLUMN computed json,
  -- The audiences that the profile is in. Null: none.
  ADD COLUMN member_of text[] COLLATE "C";
CREATE INDEX profiles_by_audience ON profiles USING gin (member_of) WHERE member_of IS NOT NULL;

ALTER TABLE space_heads
  -- Whether anything is computed in the space: then each commit says which profiles it touched (due_profiles).
  ADD COLUMN computes boolean NOT NULL DEFAULT false;

-- When a profile is to be evaluated: at once, as messages touched it, or when time alone can change what is computed.
-- `seq` is the space's counter when this was said: what was said later stands.
CREATE TABLE due_profiles (
  space_no integer NOT NULL,
  profile_id text COLLATE "C" NOT NULL,
  due_at timestamptz NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (space_no, profile_id)
);
CREATE INDEX due_profiles_by_time ON due_profiles (space_no, due_at);

-- Deleted ones stay, without what they said, so that their keys are not given again.
CREATE TABLE computations (
  space_no integer NOT NULL,
  -- aud_… or tra_…
  computation_id text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('audience', 'computed_trait')),
  name text NOT NULL,
  key text COLLATE "C" NOT NULL,
  description text NOT NULL,
  entity text NOT NULL CHECK (entity IN ('USERS', 'ACCOUNTS')),
  enabled boolean NOT NULL,
  query text NOT NULL,
  -- {includeHistoricalData, filterByExternalIds, backfillDays}
  options json NOT NULL,
  cadence text NOT NULL CHECK (cadence IN ('REALTIME', 'BATCH')),
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  deleted_at timestamptz,
  -- A run over all profiles: asked for, and how far it is (the last profile done; '' = not begun). Null: none.
  run_asked_at timestamptz,
  run_cursor text COLLATE "C",
  -- Why there is a run: first, edit, enabled, schedule, delete.
  run_reason text,
  last_run_at timestamptz,
  -- When a batch computation runs next.
  next_run_at timestamptz,
  -- Why the last run failed, in words.
  failure text,
  -- Members, counted at a time. Null: not counted yet.
  size bigint,
  size_at timestamptz,
  PRIMARY KEY (space_no, computation_id),
  UNIQUE (space_no, key)
);

-- An audience tried out, and who would be in it. Kept for a day.
CREATE TABLE audience_previews (
  space_no integer NOT NULL,
  preview_id text COLLATE "C" NOT NULL,
  entity text NOT NULL,
  query text NOT NULL,
  options json NOT NULL,
  created_at timestamptz NOT NULL,
  status text NOT NULL CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED')),
  -- The segment ids of some of them.
  results text[] COLLATE "C",
  size bigint,
  failure text,
  -- Until when a process works on it.
  claimed_until timestamptz,
  PRIMARY KEY (space_no, preview_id)
);

-- The process that computes in a space, and until when: another takes over when it is silent.
CREATE TABLE computing_leases (
  space_no integer PRIMARY KEY,
  holder text NOT NULL,
  until timestamptz NOT NULL
);
