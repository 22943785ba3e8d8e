/**
 * Takes a regulation back before anything was deleted. In: its id. Out: nothing of it is left: what it suppressed is taken
 * again, unless another regulation suppresses it too.
 */
import { MillraceError } from '../base/errors.ts';
import type { Database, Queryable } from '../db/db.ts';
import { revokeSuppressions } from '../space/space.ts';
import { type Actor, commandLine, listSpaces, lockWorkspace, recordAudit } from '../workspace/workspace.ts';
import { getRegulation } from './list.ts';
import { regulationTypes, suppresses } from './privacy.ts';

/** Errors: `regulation_not_found`; `regulation_begun` once it runs, or has run. */
export async function cancelRegulation(db: Database, id: string, actor: Actor = commandLine): Promise<void> {
  await db.transaction(async (tx) => {
    await lockWorkspace(tx);
    const { status, type, sourceId, subjectIds } = await getRegulation(tx, id);
    // Whoever would begin it meanwhile finds it gone.
    const { rowCount } = await tx.query(`DELETE FROM regulations WHERE id = $1 AND status = 'INITIALIZED'`, [id]);
    if (rowCount === 0) {
      const is = status === 'INITIALIZED' ? 'RUNNING' : status;
      throw new MillraceError(
        'regulation_begun',
        `The regulation ${id} is ${is}; only one that is INITIALIZED can be cancelled.`,
      );
    }
    const note = { resourceType: 'regulation', resourceId: id, resourceName: type };
    await recordAudit(tx, actor, [{ type: 'Regulation Deleted', ...note }]);
    if (!suppresses(type)) return;
    const heirs = await findHeirs(tx, subjectIds, sourceId ?? '');
    await revokeSuppressions(
      tx,
      (await listSpaces(tx)).map(({ no }) => no),
      id,
      heirs,
    );
  });
}

/** Regulations that are not finished and suppress these people as well, the oldest of each. */
async function findHeirs(tx: Queryable, userIds: readonly string[], sourceId: string): Promise<Map<string, string>> {
  const { rows } = await tx.query<{ id: string; subject_ids: readonly string[] }>(
    `SELECT id, subject_ids FROM regulations
      WHERE finished_at IS NULL AND source_id = $1 AND type = ANY($2) AND subject_ids && $3::text[]
      ORDER BY created_at DESC`,
    [sourceId, regulationTypes.filter(suppresses), userIds],
  );
  return new Map(rows.flatMap(({ id, subject_ids: subjects }) => subjects.map((userId) => [userId, id] as const)));
}
