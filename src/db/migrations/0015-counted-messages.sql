-- A message that a space keeps out may count as an API call all the same: it is noted too, so that its repeats do not
-- count, and told apart from what the space took. Null for those that it took.
ALTER TABLE seen_messages ADD COLUMN only_counted boolean CHECK (only_counted);
