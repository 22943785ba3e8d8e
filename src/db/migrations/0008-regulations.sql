-- Regulations: requests to suppress people, to end that, or to delete what is known of them; and what deletions that are
-- under way must not forget.

CREATE TABLE regulations (
  id text COLLATE "C" PRIMARY KEY,
  type text NOT NULL CHECK (type IN ('SUPPRESS_ONLY', 'UNSUPPRESS', 'DELETE_INTERNAL', 'DELETE_ONLY',
    'SUPPRESS_WITH_DELETE_INTERNAL', 'SUPPRESS_WITH_DELETE')),
  -- '' for the whole workspace.
  source_id text COLLATE "C" NOT NULL,
  -- Null once it is finished: then only their number stays.
  subject_ids text[] COLLATE "C",
  subjects integer NOT NULL,
  status text NOT NULL CHECK (status IN ('INITIALIZED', 'RUNNING', 'FINISHED', 'FAILED')),
  -- What was deleted, which destinations were not told, why it failed; nothing personal.
  detail jsonb NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  -- Not to be tried before; null when it is finished.
  try_at timestamptz,
  -- Never the same twice, so that it tells which of two came first.
  created_at timestamptz NOT NULL UNIQUE,
  started_at timestamptz,
  finished_at timestamptz,
  CHECK ((finished_at IS NULL) = (subject_ids IS NOT NULL))
);
CREATE INDEX regulations_to_do ON regulations (created_at) WHERE finished_at IS NULL;

-- What led to people whose profiles are deleted while the rest is not: the ids by which the rest is found, and counts of
-- what was deleted. Each entry is written in the transaction that deletes; all of a job go when it is finished.
CREATE TABLE deletions (
  space_no integer NOT NULL,
  job_id text COLLATE "C" NOT NULL,
  entry_id text COLLATE "C" NOT NULL,
  -- {profileIds, identifiers: [[type, value]], messageIds}
  found json NOT NULL,
  -- {profiles, events, links, subscriptions, logEntries}
  counts json NOT NULL,
  PRIMARY KEY (space_no, job_id, entry_id)
);
