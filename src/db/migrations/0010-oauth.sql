-- OAuth for the Tracking API: apps with public keys, and the access tokens they were given.

ALTER TABLE event_streams
  -- True: the write key alone is not enough.
  ADD COLUMN oauth_enforced boolean NOT NULL DEFAULT false;

CREATE TABLE oauth_apps (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  scopes text[] COLLATE "C" NOT NULL CHECK (cardinality(scopes) > 0),
  token_days integer NOT NULL CHECK (token_days IN (1, 2, 3, 7, 14, 21, 30)),
  -- The event streams it may write to; null: all. One that is gone stays in the list, and opens nothing.
  stream_ids text[] COLLATE "C" CHECK (cardinality(stream_ids) > 0),
  created_at timestamptz NOT NULL
);

-- At most two of an app: whoever adds one locks the workspace first.
CREATE TABLE oauth_keys (
  id text COLLATE "C" PRIMARY KEY,
  app_id text COLLATE "C" NOT NULL REFERENCES oauth_apps (id) ON DELETE CASCADE,
  -- SubjectPublicKeyInfo, and its SHA-256.
  pem text NOT NULL,
  fingerprint bytea NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE (app_id, fingerprint)
);

-- A key or an app that is removed takes its tokens with it.
CREATE TABLE oauth_tokens (
  -- SHA-256 of the secret: 256 random bits need no salt.
  secret_hash bytea PRIMARY KEY,
  app_id text COLLATE "C" NOT NULL REFERENCES oauth_apps (id) ON DELETE CASCADE,
  key_id text COLLATE "C" NOT NULL REFERENCES oauth_keys (id) ON DELETE CASCADE,
  scopes text[] COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX oauth_tokens_of_app ON oauth_tokens (app_id);
CREATE INDEX oauth_tokens_of_key ON oauth_tokens (key_id);
CREATE INDEX oauth_tokens_by_end ON oauth_tokens (expires_at);

-- Assertions that were used, until nobody would take them any more: none is taken twice, whichever process it comes to.
CREATE TABLE oauth_assertions (
  app_id text COLLATE "C" NOT NULL REFERENCES oauth_apps (id) ON DELETE CASCADE,
  -- SHA-256 of `jti`.
  jti_hash bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, jti_hash)
);
CREATE INDEX oauth_assertions_by_end ON oauth_assertions (expires_at);
