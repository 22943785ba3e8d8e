/**
 * Labels, and which sources have them. Promised: a change and its note in the audit trail commit together; a source has
 * labels of the workspace alone.
 */
import { storableText } from '../base/text.ts';
import type { Database, Queryable } from '../db/db.ts';
import { type Actor, recordAudit } from './audit.ts';
import { changeWorkspace } from './lock.ts';
import type { LabelRef } from './roles.ts';

export interface Label extends LabelRef {
  readonly description: string | null;
}

/** In the order they were made. */
export async function listLabels(db: Queryable): Promise<readonly Label[]> {
  const { rows } = await db.query<Label>('SELECT key, value, description FROM labels ORDER BY created_at, key, value');
  return rows;
}

/** False: it is there already, and stays as it is. */
export function addLabel(db: Database, actor: Actor, label: Label): Promise<boolean> {
  return changeWorkspace(db, async (tx) => {
    const { rowCount } = await tx.query(
      `INSERT INTO labels (key, value, description, created_at) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING`,
      [label.key, label.value, label.description],
    );
    if (rowCount === 1) await recordAudit(tx, actor, [{ type: 'Label Created', ...noteOf(label) }]);
    return rowCount === 1;
  });
}

/** From every source too. False: there is none. */
export async function removeLabel(db: Database, actor: Actor, label: LabelRef): Promise<boolean> {
  if (!storableText(label.key) || !storableText(label.value)) return false;
  return changeWorkspace(db, async (tx) => {
    const { rowCount } = await tx.query('DELETE FROM labels WHERE key = $1 AND value = $2', [label.key, label.value]);
    if (rowCount === 1) await recordAudit(tx, actor, [{ type: 'Label Deleted', ...noteOf(label) }]);
    return rowCount === 1;
  });
}

export interface SourceLabels {
  /** All that the source has now. */
  readonly labels: readonly Label[];
  /** Places in the list of what is no label; then nothing was changed. */
  readonly unknown: readonly number[];
}

/** Adds labels to those of a source, or puts them in their place. */
export function putSourceLabels(
  db: Database,
  actor: Actor,
  source: { readonly id: string; readonly name: string },
  wanted: readonly LabelRef[],
  how: 'add' | 'replace',
): Promise<SourceLabels> {
  return changeWorkspace(db, async (tx) => {
    const known = new Set((await listLabels(tx)).map(nameOf));
    const unknown = wanted.flatMap((label, at) => (known.has(nameOf(label)) ? [] : [at]));
    if (unknown.length > 0) return { labels: [], unknown };
    const columns = [source.id, wanted.map(({ key }) => key), wanted.map(({ value }) => value)];
    const removed =
      how === 'add'
        ? 0
        : (
            await tx.query(
              `DELETE FROM source_labels WHERE source_id = $1
                 AND (key, value) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))`,
              columns,
            )
          ).rowCount;
    const { rowCount: added } = await tx.query(
      `INSERT INTO source_labels (source_id, key, value)
       SELECT $1, key, value FROM unnest($2::text[], $3::text[]) AS wanted (key, value) ON CONFLICT DO NOTHING`,
      columns,
    );
    if ((removed ?? 0) + (added ?? 0) > 0) {
      const { id: resourceId, name: resourceName } = source;
      const changed = ['labels'];
      const note = { type: 'Source Modified', resourceType: 'source', resourceId, resourceName, changed };
      await recordAudit(tx, actor, [note]);
    }
    const { rows } = await tx.query<Label>(
      `SELECT key, value, description FROM source_labels JOIN labels USING (key, value)
       WHERE source_id = $1 ORDER BY key, value`,
      [source.id],
    );
    return { labels: rows, unknown: [] };
  });
}

/** Neither part can be taken for the other. */
const nameOf = ({ key, value }: LabelRef): string => JSON.stringify([key, value]);

function noteOf({ key, value }: LabelRef) {
  const name = `${key}:${value}`;
  return { resourceType: 'label', resourceId: name, resourceName: name };
}
