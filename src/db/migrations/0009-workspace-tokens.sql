-- Tokens of the whole workspace, which open the Public API: without a space, and with a role.

ALTER TABLE tokens
  ALTER COLUMN space_id DROP NOT NULL,
  -- Null: of a space.
  ADD COLUMN role text CHECK (role IN ('owner')),
  ADD CONSTRAINT tokens_of_space_or_workspace CHECK ((space_id IS NULL) = (role IS NOT NULL));
