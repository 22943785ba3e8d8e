-- How many messages came when, told apart by the type and the name of their event: what message_counts, usage_calls and
-- usage_exempt (and stream_discards) count by source alone. What was counted before this table has no names; reports find
-- it as what is missing here (src/workspace/event-counts.ts).
-- is_day: whether the row is of a day, or of a minute; minutes are folded into their hours after some days, into the row
-- of the hour's first minute.
-- code: '' = taken; otherwise why the Tracking API discarded them, with space_no 0.
-- type, name: '' where there is none. Names are cut, and few enough (src/workspace/event-names.ts).
CREATE TABLE event_counts (
  is_day boolean NOT NULL,
  at timestamptz NOT NULL,
  source_id text COLLATE "C" NOT NULL,
  space_no integer NOT NULL,
  code text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  messages bigint NOT NULL,
  PRIMARY KEY (is_day, at, source_id, space_no, code, type, name)
) WITH (fillfactor = 50);
