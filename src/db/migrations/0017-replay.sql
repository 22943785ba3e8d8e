-- Sending again what one earlier sync delivered: syncs get numbers, which the records tables of warehouses keep with each
-- record; ids would be ten times as large.

-- The number that the last sync of a mapping got. Outlives the history, so that no number is given twice.
CREATE TABLE sync_numbers (
  mapping_id text COLLATE "C" PRIMARY KEY,
  last integer NOT NULL
);

ALTER TABLE syncs
  -- Its number among those of its mapping, and the epoch it ran in. Null of syncs that ran before there were numbers, and of
  -- those that never began: which rows they delivered is not known.
  ADD COLUMN no integer,
  ADD COLUMN epoch integer,
  -- The sync that it replays, and what of that one it does not send: what went out again since, and what is gone.
  ADD COLUMN replay_of text COLLATE "C",
  ADD COLUMN replay_again bigint NOT NULL DEFAULT 0,
  ADD COLUMN replay_gone bigint NOT NULL DEFAULT 0;

-- 'gone': of a replay, a row that is no longer in the model.
ALTER TABLE sync_rows DROP CONSTRAINT sync_rows_kind_check;
ALTER TABLE sync_rows ADD CONSTRAINT sync_rows_kind_check
  CHECK (kind IN ('invalid', 'refused', 'later', 'given up', 'gone'));
