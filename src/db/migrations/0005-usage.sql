-- What was used: read by people who want to know what a month comes to. Days and months are UTC, by the time of receipt.

-- API calls: one per message that the Tracking API took. The row of a day and a source is split by space, so that the
-- transactions of two spaces do not wait for each other.
CREATE TABLE usage_calls (
  day date NOT NULL,
  source_id text COLLATE "C" NOT NULL,
  space_no integer NOT NULL,
  calls bigint NOT NULL,
  PRIMARY KEY (day, source_id, space_no)
) WITH (fillfactor = 50);

-- Messages of the Segment Profiles destination, which are neither API calls nor tracked users. The source is the space's
-- own.
CREATE TABLE usage_exempt (
  day date NOT NULL,
  source_id text COLLATE "C" NOT NULL,
  space_no integer NOT NULL,
  messages bigint NOT NULL,
  PRIMARY KEY (day, source_id, space_no)
) WITH (fillfactor = 50);

-- Which ids a source brought in a month, and on which day first. On many machines it is distributed by id_hash.
-- kind: u = a userId, a = an anonymousId; linked_day: when the anonymousId first came together with a userId.
-- id_hash: 16 bytes of SHA-256 (a uuid in form only), never the id itself (src/workspace/usage-ids.ts says why).
CREATE TABLE usage_ids (
  month date NOT NULL,
  source_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('u', 'a')),
  id_hash uuid NOT NULL,
  first_day date NOT NULL,
  linked_day date,
  PRIMARY KEY (month, source_id, kind, id_hash)
) WITH (fillfactor = 90);
