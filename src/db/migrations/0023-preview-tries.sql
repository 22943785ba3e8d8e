-- How many processes took the preview on so far, without those that handed it on. It is given up after some.
ALTER TABLE audience_previews ADD COLUMN tries integer NOT NULL DEFAULT 0;
