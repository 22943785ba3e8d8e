-- Sources of the kind "event stream": whoever has the write key sends messages.
CREATE TABLE event_streams (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  write_key text COLLATE "C" NOT NULL UNIQUE,
  -- Each of these spaces is there: whoever changes spaces or streams locks the workspace first.
  space_ids text[] COLLATE "C" NOT NULL CHECK (cardinality(space_ids) > 0),
  enabled boolean NOT NULL,
  client_side boolean NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
