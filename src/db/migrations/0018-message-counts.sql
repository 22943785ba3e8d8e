-- How many messages came when: for reports by hour and minute. Minutes are folded into their hours after some days, into
-- the row of the hour's first minute, and hours are forgotten after a month (src/workspace/message-counts.ts).
-- code: '' = taken; otherwise why the Tracking API discarded them, with space_no 0.
CREATE TABLE message_counts (
  at timestamptz NOT NULL,
  source_id text COLLATE "C" NOT NULL,
  space_no integer NOT NULL,
  code text COLLATE "C" NOT NULL,
  messages bigint NOT NULL,
  PRIMARY KEY (at, source_id, space_no, code)
) WITH (fillfactor = 50);
