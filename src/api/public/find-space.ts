/** The space a path names. */
import { isMillraceError } from '../../base/errors.ts';
import type { Queryable } from '../../db/db.ts';
import { findSpace, type Space } from '../../workspace/workspace.ts';
import { notFound, type PublicRefusal } from './errors.ts';

/** By id, or by name; 404 when there is none. */
export async function spaceOrRefusal(db: Queryable, idOrName: string): Promise<Space | PublicRefusal> {
  try {
    const space = await findSpace(db, idOrName);
    // Write keys name spaces elsewhere, not in paths.
    if (space.id === idOrName || space.name === idOrName) return space;
  } catch (error) {
    if (!isMillraceError(error, 'not_found')) throw error;
  }
  return notFound('Space', idOrName);
}
