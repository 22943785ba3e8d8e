-- Profiles and what leads to them. Every table carries its distribution column in its primary key: identifiers by their
-- key, profiles, links and events by profile. No foreign keys across them, ids made by the application.

-- One row per space. Its lock is what makes the batches of a space take effect one after the other; `seq` counts them.
CREATE TABLE space_heads (
  space_no integer PRIMARY KEY,
  seq bigint NOT NULL DEFAULT 0
);

-- Which profile an identifier was added to. After a merge it still names that profile: follow profiles.merged_into.
-- key = collection letter, type and value: 'u:email:ana@example.org'.
CREATE TABLE identifiers (
  space_no integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  profile_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (space_no, key)
);

-- A profile with its own facts. A merged profile keeps them and points at its parent; the parent lists all below it.
--   identifiers [{type, value, created, source, message, seen}]       times in ms since 1970
--   traits      {key: value}
--   writes      [{at, received, source, mapping, sync, message, keys, gone}]   who wrote which keys; gone = removed keys
-- Left out where they equal the row's own: created and received (created_at), source (first_source_id), message
-- (first_message_id), and seen (created).
CREATE TABLE profiles (
  space_no integer NOT NULL,
  profile_id text COLLATE "C" NOT NULL,
  collection text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  merged_into text COLLATE "C",
  merged_at timestamptz,
  merged_by text,
  members text[] COLLATE "C" NOT NULL,
  first_message_id text,
  first_source_id text,
  last_message_id text,
  last_source_id text,
  last_event_at timestamptz,
  identifiers json NOT NULL,
  traits json NOT NULL,
  writes json NOT NULL,
  PRIMARY KEY (space_no, profile_id)
) WITH (fillfactor = 90);

CREATE INDEX profiles_by_activity ON profiles (space_no, collection, updated_at DESC, profile_id DESC) WHERE merged_into IS NULL;

-- User and account, once in each direction, by the ids they had when they were linked.
CREATE TABLE links (
  space_no integer NOT NULL,
  profile_id text COLLATE "C" NOT NULL,
  to_profile_id text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  source_id text NOT NULL,
  message_id text,
  PRIMARY KEY (space_no, profile_id, to_profile_id)
);

CREATE INDEX links_by_age ON links (space_no, profile_id, created_at DESC, to_profile_id DESC);

-- What people did (track, page, screen), and messages that carry consent or subscriptions, complete.
CREATE TABLE events (
  space_no integer NOT NULL,
  profile_id text COLLATE "C" NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  event_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  source_id text NOT NULL,
  body json NOT NULL,
  PRIMARY KEY (space_no, profile_id, message_id)
);

-- What was dropped, and which identifiers were not taken, with the reason; never the values themselves.
CREATE TABLE space_log (
  space_no integer NOT NULL,
  entry_id text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  kind text NOT NULL,
  reason text NOT NULL,
  detail text NOT NULL,
  source_id text NOT NULL,
  sync_id text,
  message_id text,
  count integer NOT NULL,
  PRIMARY KEY (space_no, entry_id)
);
