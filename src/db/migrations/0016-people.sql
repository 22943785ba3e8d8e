-- People who use the web app: who they are, the links they come in by, their sessions, and failures to sign in.

CREATE TABLE people (
  id text COLLATE "C" PRIMARY KEY,
  -- As it is written, and in lower case.
  email text NOT NULL,
  email_key text COLLATE "C" NOT NULL UNIQUE,
  -- Empty until they come in for the first time.
  name text NOT NULL DEFAULT '',
  role text NOT NULL CHECK (role IN ('owner', 'member')),
  -- As those of tokens.
  permissions jsonb NOT NULL DEFAULT '[]',
  -- `scrypt$…`, with its parameters; null: they come in by a link first.
  password text,
  created_at timestamptz NOT NULL
);

-- Links that let somebody in once.
CREATE TABLE person_links (
  -- SHA-256 of the secret: 256 random bits need no salt.
  secret_hash bytea PRIMARY KEY,
  -- Null: the first link of a workspace without people. Whoever follows it becomes its owner.
  person_id text COLLATE "C" REFERENCES people (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX person_links_of_person ON person_links (person_id);

CREATE TABLE person_sessions (
  secret_hash bytea PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  person_id text COLLATE "C" NOT NULL REFERENCES people (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  -- As of a minute ago at most.
  seen_at timestamptz NOT NULL,
  -- From where, and with what, it was begun.
  address text NOT NULL,
  user_agent text NOT NULL
);
CREATE INDEX person_sessions_of_person ON person_sessions (person_id, created_at DESC);

-- Who may not try just now. The subject is an e-mail address, whether somebody has it or not, or a network address.
CREATE TABLE sign_in_failures (
  -- SHA-256.
  subject bytea PRIMARY KEY,
  failures integer NOT NULL,
  last_at timestamptz NOT NULL,
  free_at timestamptz NOT NULL
);
CREATE INDEX sign_in_failures_by_time ON sign_in_failures (last_at);
