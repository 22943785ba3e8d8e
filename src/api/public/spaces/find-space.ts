/** The space a path names. */
import { isMillraceError } from '../../../base/errors.ts';
import type { Queryable } from '../../../db/db.ts';
import { findSpace, may, type Power, powers, type Space, type WorkspaceGrant } from '../../../workspace/workspace.ts';
import { isRefusal, notAllowed, notFound, type PublicRefusal } from '../errors.ts';

/** By id, or by name; 404 when there is none, 401 when the grant does not reach it. */
export async function spaceOrRefusal(
  db: Queryable,
  idOrName: string,
  grant: WorkspaceGrant,
  power: Power,
): Promise<Space | PublicRefusal> {
  const space = await spaceOfPath(db, idOrName);
  return isRefusal(space) || may(grant, power, { type: 'SPACE', id: space.id }) ? space : notAllowed(powers[power]);
}

/** The same for powers over the whole workspace. */
export async function spaceOfPath(db: Queryable, idOrName: string): Promise<Space | PublicRefusal> {
  try {
    const space = await findSpace(db, idOrName);
    // Write keys name spaces elsewhere, not in paths.
    if (space.id === idOrName || space.name === idOrName) return space;
  } catch (error) {
    if (!isMillraceError(error, 'not_found')) throw error;
  }
  return notFound('Space', idOrName);
}
