-- When a token of the workspace was used last, to within some minutes.
ALTER TABLE tokens ADD COLUMN used_at timestamptz;
