-- What people configure. Small tables, read whole; on many machines they are reference tables.
-- Secrets are never in `settings`: they are sealed together in `secrets`.

-- One row: what all changes of the workspace have in common. Whoever changes the workspace locks it first.
CREATE TABLE workspace (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  -- The last number given to a space; numbers are never given twice.
  last_space_no integer NOT NULL DEFAULT 0
);
INSERT INTO workspace DEFAULT VALUES;

CREATE TABLE sources (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  engine text NOT NULL,
  settings jsonb NOT NULL,
  secrets text,
  enabled boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE models (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  source_id text COLLATE "C" NOT NULL REFERENCES sources (id),
  description text NOT NULL,
  query text NOT NULL,
  identifier_column text NOT NULL,
  enabled boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE destinations (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  source_id text COLLATE "C" NOT NULL REFERENCES sources (id),
  slug text NOT NULL,
  settings jsonb NOT NULL,
  secrets text,
  enabled boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE mappings (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  destination_id text COLLATE "C" NOT NULL REFERENCES destinations (id),
  model_id text COLLATE "C" NOT NULL REFERENCES models (id),
  action text NOT NULL,
  trigger_fql text NOT NULL,
  fields jsonb NOT NULL,
  skip_nulls jsonb NOT NULL,
  enabled boolean NOT NULL,
  epoch integer NOT NULL DEFAULT 1,
  skip_backfill boolean NOT NULL,
  guard_percent double precision,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE spaces (
  id text COLLATE "C" PRIMARY KEY,
  no integer NOT NULL UNIQUE,
  name text COLLATE "C" NOT NULL UNIQUE,
  settings jsonb NOT NULL,
  write_key text COLLATE "C" NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE tokens (
  id text COLLATE "C" PRIMARY KEY,
  space_id text COLLATE "C" NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
  name text NOT NULL,
  -- SHA-256 of the secret: 256 random bits need no salt.
  secret_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX tokens_of_space ON tokens (space_id);
