-- Which model a sync read, and of which source: names may be given again to others. Null where that is not known: of syncs of
-- earlier versions whose mapping has another model by now, and of those whose mapping was gone before they began.
ALTER TABLE syncs
  ADD COLUMN model_id text COLLATE "C",
  ADD COLUMN source_id text COLLATE "C";

UPDATE syncs s SET model_id = m.id, source_id = m.source_id
FROM mappings p JOIN models m ON m.id = p.model_id
WHERE p.id = s.mapping_id AND m.name = s.model;
