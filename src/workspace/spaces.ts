/** Profile spaces as they are configured. */
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Queryable } from '../db/db.ts';
import type { SpaceSettings } from '../space/space.ts';
import { defaultSpaceSettings } from '../space/space.ts';
import { namesOf, notFound } from './lookup.ts';
import { checkName } from './names.ts';
import { type SpaceRecord, spaceOf } from './records.ts';
import type { Space } from './workspace.ts';
import { newWriteKey } from './write-keys.ts';

const columns = 'id, no, name, title, source_name, settings, write_key, created_at';

/**
 * Makes a space with a number and a write key of its own. The counter's row is the lock: calls at the same moment get
 * different numbers, and the number of a removed space is not given again. Errors: `name_invalid`, `name_taken`.
 */
export async function createSpace(
  db: Queryable,
  name: string,
  settings: SpaceSettings = defaultSpaceSettings(),
  title: string | null = null,
): Promise<Space> {
  checkName('space', name);
  const { rows } = await db.query<SpaceRecord>(
    `WITH counter AS (UPDATE workspace SET last_space_no = last_space_no + 1 RETURNING last_space_no)
     INSERT INTO spaces (id, no, name, settings, write_key, title, source_name, created_at, updated_at)
     SELECT $1, last_space_no, $2, $3, $4, $5, $6, now(), now() FROM counter
     ON CONFLICT (name) DO NOTHING
     RETURNING ${columns}`,
    [newId('spa'), name, JSON.stringify(settings), newWriteKey(), title, `Engage (${title ?? name})`],
  );
  if (rows[0] === undefined) throw new MillraceError('name_taken', `There is a space "${name}" already.`);
  return spaceOf(rows[0]);
}

export async function listSpaces(db: Queryable): Promise<readonly Space[]> {
  const { rows } = await db.query<SpaceRecord>(`SELECT ${columns} FROM spaces ORDER BY no`);
  return rows.map(spaceOf);
}

/** Error: `not_found`. */
export async function findSpace(db: Queryable, nameOrIdOrWriteKey: string): Promise<Space> {
  // Postgres cannot take NUL in a text; no space is called that anyway.
  const storable = !nameOrIdOrWriteKey.includes('\0');
  const { rows } = await db.query<SpaceRecord>(
    `SELECT ${columns} FROM spaces WHERE id = $1 OR write_key = $1 OR name = $1
     ORDER BY id = $1 DESC, write_key = $1 DESC LIMIT 1`,
    [storable ? nameOrIdOrWriteKey : ''],
  );
  if (rows[0] === undefined) throw notFound('space', nameOrIdOrWriteKey, await namesOf(db, 'spaces'));
  return spaceOf(rows[0]);
}
