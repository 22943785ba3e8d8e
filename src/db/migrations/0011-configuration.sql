-- What the Public API knows beside the workspace file: titles, schedules, further write keys, labels, roles, and who
-- changed what.

ALTER TABLE sources
  -- What people call it; null: its name.
  ADD COLUMN title text,
  -- Shown as clients expect it; messages under them are discarded.
  ADD COLUMN write_keys text[] COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE models
  ADD COLUMN title text,
  -- Of mappings that are made later and say nothing.
  ADD COLUMN schedule jsonb;
ALTER TABLE destinations ADD COLUMN title text;
ALTER TABLE mappings
  ADD COLUMN title text,
  -- Null: only when somebody starts it.
  ADD COLUMN schedule jsonb;
ALTER TABLE event_streams
  ADD COLUMN title text,
  ADD COLUMN more_write_keys text[] COLLATE "C" NOT NULL DEFAULT '{}';
CREATE INDEX event_streams_by_more_write_keys ON event_streams USING gin (more_write_keys);

-- Each space appears among the sources under a name that stays when the space gets another title.
ALTER TABLE spaces
  ADD COLUMN title text,
  ADD COLUMN source_name text;
UPDATE spaces SET source_name = 'Engage (' || name || ')';
ALTER TABLE spaces ALTER COLUMN source_name SET NOT NULL;

CREATE TABLE labels (
  key text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  description text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (key, value)
);
CREATE TABLE source_labels (
  -- Of a warehouse, an event stream or the source of a space.
  source_id text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  PRIMARY KEY (source_id, key, value),
  FOREIGN KEY (key, value) REFERENCES labels (key, value) ON DELETE CASCADE
);

-- Tokens of the workspace: an owner may do everything, a member what its permissions add up to.
ALTER TABLE tokens
  DROP CONSTRAINT tokens_role_check,
  ADD CONSTRAINT tokens_role_check CHECK (role IN ('owner', 'member')),
  -- [{ "role": "source-admin", "resources": "all" | [{ "type": "SOURCE", "id": … }] }]
  ADD COLUMN permissions jsonb NOT NULL DEFAULT '[]';

-- Who changed what; never secrets.
CREATE TABLE audit_events (
  id text COLLATE "C" PRIMARY KEY,
  at timestamptz NOT NULL,
  -- E.g. "Source Created".
  type text NOT NULL,
  -- The id of a token, or the word for who acted otherwise, e.g. "cli".
  actor text NOT NULL,
  actor_name text NOT NULL,
  resource_id text COLLATE "C" NOT NULL,
  resource_type text NOT NULL,
  resource_name text NOT NULL,
  -- The paths that changed, without values.
  changed text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_events_by_time ON audit_events (at DESC, id DESC);
CREATE INDEX audit_events_by_resource ON audit_events (resource_id, at DESC, id DESC);
