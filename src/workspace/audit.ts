/**
 * The audit trail: who changed what. Promised: an event commits with its change; it names paths, never values; times and
 * ids are its order.
 */
import { newId } from '../base/ids.ts';
import type { Queryable, Transaction } from '../db/db.ts';
import type { Kind } from './definitions.ts';
import type { PlanEntry } from './plan.ts';
import type { Grant } from './roles.ts';

/** Who acts: a token of the workspace, a person, or the command line. */
export interface Actor {
  /** The id of the token, or `cli`. */
  readonly id: string;
  readonly name: string;
  /** What they may do, and so may give to others at most. Left out: everything. */
  readonly grant?: Grant;
}

export const commandLine: Actor = { id: 'cli', name: 'command line' };

export interface AuditNote {
  /** E.g. `Source Created`. */
  readonly type: string;
  /** E.g. `source`. */
  readonly resourceType: string;
  readonly resourceId: string;
  readonly resourceName: string;
  /** Paths that changed: `settings.host`. */
  readonly changed?: readonly string[];
}

export interface AuditEvent extends Required<AuditNote> {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly actorName: string;
}

export async function recordAudit(db: Queryable, actor: Actor, notes: readonly AuditNote[]): Promise<void> {
  if (notes.length === 0) return;
  const column = <T>(value: (note: AuditNote) => T) => notes.map(value);
  await db.query(
    `INSERT INTO audit_events (id, at, type, actor, actor_name, resource_id, resource_type, resource_name, changed)
     SELECT id, clock_timestamp(), type, $2, $3, resource_id, resource_type, resource_name,
            ARRAY (SELECT jsonb_array_elements_text(changed::jsonb))
     FROM unnest($1::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
       AS note (id, type, resource_id, resource_type, resource_name, changed)`,
    [
      column(() => newId('aud')),
      actor.id,
      actor.name,
      column(({ type }) => type),
      column(({ resourceId }) => resourceId),
      column(({ resourceType }) => resourceType),
      column(({ resourceName }) => resourceName),
      column(({ changed = [] }) => JSON.stringify(changed)),
    ],
  );
}

/** The vendor's words for our kinds. */
const words: Readonly<Record<Kind, string>> = {
  space: 'Space',
  source: 'Source',
  'event stream': 'Source',
  model: 'Model',
  destination: 'Integration',
  mapping: 'Destination Subscription',
  alert: 'Alert',
};

/** Notes what was carried out of a plan. */
export async function recordPlan(
  tx: Transaction,
  actor: Actor,
  entries: readonly PlanEntry[],
  idOf: (kind: Kind, name: string) => string,
): Promise<void> {
  const notes = entries.flatMap((entry): AuditNote[] => {
    const type = typeOf(entry);
    if (type === null) return [];
    const { kind, name, changes } = entry;
    const resourceType = words[kind].toLowerCase().replace(' ', '_');
    return [
      {
        type,
        resourceType,
        resourceId: idOf(kind, name),
        resourceName: name,
        changed: changes.map(({ path }) => path),
      },
    ];
  });
  await recordAudit(tx, actor, notes);
}

function typeOf({ action, kind, changes }: PlanEntry): string | null {
  const word = words[kind];
  switch (action) {
    case 'create':
      return `${word} Created`;
    case 'remove':
      return `${word} Deleted`;
    case 'change':
      return changeType(kind, word, changes);
    default:
      return null;
  }
}

function changeType(kind: Kind, word: string, changes: PlanEntry['changes']): string {
  const [first] = changes;
  if (changes.length === 1 && first?.path === 'enabled') {
    if (kind === 'model') return 'Model State Change Toggled';
    return `${word} ${first.to === true ? 'Enabled' : 'Disabled'}`;
  }
  if (kind === 'model') return 'Model Settings Saved';
  const isAboutSettings = (path: string) => !['title', 'enabled', 'engine'].includes(path);
  return (kind === 'source' || kind === 'destination') && changes.some(({ path }) => isAboutSettings(path))
    ? `${word} Settings Modified`
    : `${word} Modified`;
}

export interface AuditQuery {
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
  readonly resourceId?: string | undefined;
  readonly resourceType?: string | undefined;
}

/** Newest first; with how many there are in all. */
export async function readAudit(
  db: Queryable,
  { from, to, resourceId, resourceType }: AuditQuery,
  page: { readonly offset: number; readonly count: number },
): Promise<{ readonly events: readonly AuditEvent[]; readonly total: number }> {
  const { rows } = await db.query<AuditEvent & { total: string }>(
    `SELECT id, at, type, actor, actor_name AS "actorName", resource_id AS "resourceId",
            resource_type AS "resourceType", resource_name AS "resourceName", changed
     FROM audit_events
     WHERE ($1::timestamptz IS NULL OR at >= $1) AND ($2::timestamptz IS NULL OR at < $2)
       AND ($3::text IS NULL OR resource_id = $3) AND ($4::text IS NULL OR lower(resource_type) = lower($4))
     ORDER BY at DESC, id DESC OFFSET $5 LIMIT $6`,
    [from ?? null, to ?? null, resourceId ?? null, resourceType ?? null, page.offset, page.count],
  );
  const counted = await db.query<{ total: string }>(
    `SELECT count(*) AS total FROM audit_events
     WHERE ($1::timestamptz IS NULL OR at >= $1) AND ($2::timestamptz IS NULL OR at < $2)
       AND ($3::text IS NULL OR resource_id = $3) AND ($4::text IS NULL OR lower(resource_type) = lower($4))`,
    [from ?? null, to ?? null, resourceId ?? null, resourceType ?? null],
  );
  return { events: rows, total: Number(counted.rows[0]?.total ?? 0) };
}
