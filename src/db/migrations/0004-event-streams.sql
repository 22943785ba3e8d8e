-- Sources of the kind "event stream": whoever has the write key sends messages with any Segment SDK.
CREATE TABLE event_streams (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  write_key text COLLATE "C" NOT NULL UNIQUE,
  -- Of spaces; at least one.
  space_ids text[] COLLATE "C" NOT NULL,
  enabled boolean NOT NULL,
  client_side boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
