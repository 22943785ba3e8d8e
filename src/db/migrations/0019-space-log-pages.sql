-- The log of a space is read page by page, newest first.
CREATE INDEX space_log_by_time ON space_log (space_no, at DESC, entry_id DESC);
