-- What the Tracking API discarded, counted by day and reason; '' stands for write keys that nobody has.
CREATE TABLE stream_discards (
  stream_id text COLLATE "C" NOT NULL,
  day date NOT NULL,
  code text COLLATE "C" NOT NULL,
  count bigint NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  -- Some message ids, never contents.
  samples text[] NOT NULL,
  PRIMARY KEY (stream_id, day, code)
);
