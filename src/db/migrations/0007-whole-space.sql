-- Events by day of arrival, so that old ones expire by dropping a day; messages that were seen, for the same reason;
-- consent of profiles; subscriptions of contacts; people who are suppressed.

ALTER TABLE profiles
  -- {at, received, categories: {category: true | false | "conflict"}}; null while nobody said anything.
  ADD COLUMN consent json;

ALTER TABLE space_log
  -- Whose message it was: the start of SHA-256 of its userId, by which the entry is found when the person is deleted.
  ADD COLUMN user_hash uuid;
CREATE INDEX space_log_by_user ON space_log (user_hash) WHERE user_hash IS NOT NULL;

-- What people did. One partition for each day of arrival (UTC), made when the day's first message comes. No unique key:
-- that a message is taken once is the business of seen_messages.
ALTER TABLE events RENAME TO events_before;
ALTER TABLE events_before DROP CONSTRAINT events_pkey;
CREATE TABLE events (
  space_no integer NOT NULL,
  profile_id text COLLATE "C" NOT NULL,
  received_at timestamptz NOT NULL,
  event_at timestamptz NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  type text NOT NULL,
  -- The event of a track; Page Viewed and Screen Viewed of the others.
  name text COLLATE "C" NOT NULL,
  -- The account that the message named, as it was then.
  account_id text COLLATE "C",
  source_id text NOT NULL,
  -- [[type, value]]: the user identifiers by which it came here.
  external_ids json NOT NULL,
  -- The message, complete.
  body json NOT NULL
) PARTITION BY RANGE (received_at);
-- Few events are of one moment: those are sorted by their message ids when they are read.
CREATE INDEX events_of_profile ON events (space_no, profile_id, event_at DESC);
CREATE INDEX events_of_account ON events (space_no, account_id, event_at DESC)
  WHERE account_id IS NOT NULL;

DO $$
DECLARE day date;
BEGIN
  FOR day IN SELECT DISTINCT (received_at AT TIME ZONE 'UTC')::date FROM events_before LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
      'events_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
  END LOOP;
END $$;
INSERT INTO events
  SELECT space_no, profile_id, received_at, event_at, message_id, coalesce(body ->> 'type', ''),
    CASE body ->> 'type' WHEN 'page' THEN 'Page Viewed' WHEN 'screen' THEN 'Screen Viewed'
      ELSE coalesce(body ->> 'event', '') END,
    NULL, source_id, '[]', body
  FROM events_before;
DROP TABLE events_before;

-- Messages that a space took, so that a second copy is recognized for a day. `key` is the start of SHA-256 of what they
-- are known by. By day of arrival, as events.
CREATE TABLE seen_messages (
  space_no integer NOT NULL,
  key uuid NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (space_no, key, received_at)
) PARTITION BY RANGE (received_at);

-- What a contact allows, whoever it belongs to. contact = channel and key: 'EMAIL:ana@example.org'.
CREATE TABLE subscriptions (
  space_no integer NOT NULL,
  contact text COLLATE "C" NOT NULL,
  -- Null while only groups were spoken of.
  status text CHECK (status IN ('SUBSCRIBED', 'UNSUBSCRIBED', 'DID_NOT_SUBSCRIBE')),
  -- The time that decides between writers, and the arrival; ms since 1970.
  at bigint NOT NULL,
  received bigint NOT NULL,
  source_id text NOT NULL,
  message_id text,
  -- {name: {status, at, received}}
  groups json NOT NULL,
  PRIMARY KEY (space_no, contact)
);

-- Whose messages nobody takes: of one source, or of all ('').
CREATE TABLE suppressions (
  source_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  regulation_id text NOT NULL,
  PRIMARY KEY (user_id, source_id)
);

-- Which profiles each commit of a space changed, for readers that remember some; new ones are not listed. Null: any.
-- The last thousand commits or so.
CREATE TABLE space_changes (
  space_no integer NOT NULL,
  seq bigint NOT NULL,
  profile_ids text[] COLLATE "C",
  PRIMARY KEY (space_no, seq)
);
