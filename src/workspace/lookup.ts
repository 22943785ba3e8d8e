/** Finding what is configured, by name or id. */
import { MillraceError } from '../base/errors.ts';
import { suggestion } from '../base/near-names.ts';
import type { Queryable, Transaction } from '../db/db.ts';
import {
  alertOf,
  destinationOf,
  eventStreamOf,
  mappingOf,
  modelOf,
  readRecords,
  type SpaceRecord,
  sourceOf,
  spaceOf,
  type WorkspaceRecords,
} from './records.ts';
import type { Schedule } from './schedules.ts';
import type { Secrets } from './secrets.ts';
import type { Destination, Model, ResolvedMapping, Source, Workspace, WorkspaceStore } from './workspace.ts';

/** Everything that is configured, each kind by name. Holds secrets in clear: never print it. */
export async function readWorkspace({ db, secrets }: WorkspaceStore): Promise<Workspace> {
  return workspaceOf(await readRecords(db), secrets);
}

export function workspaceOf(records: WorkspaceRecords, secrets: Secrets): Workspace {
  const spaceById = new Map(records.spaces.map((record) => [record.id, record]));
  return {
    sources: records.sources.map((record) => sourceOf(secrets, record)),
    models: records.models.map(modelOf),
    destinations: records.destinations.map((record) => destinationOf(secrets, record)),
    mappings: records.mappings.map(mappingOf),
    spaces: records.spaces.map(spaceOf),
    eventStreams: records.event_streams.map(({ space_ids, ...record }) =>
      eventStreamOf(
        record,
        space_ids.map((id) => spaceById.get(id) as SpaceRecord),
      ),
    ),
    alerts: records.alerts.map((record) => alertOf(secrets, record)),
  };
}

/** A mapping with all it needs to run. Errors: `not_found`, `secret_…`. */
export async function findMapping({ db, secrets }: WorkspaceStore, nameOrId: string): Promise<ResolvedMapping> {
  const records = await readRecords(db);
  return resolveMapping(records, secrets, pick('mapping', records.mappings, nameOrId).id);
}

export function resolveMapping(records: WorkspaceRecords, secrets: Secrets, mappingId: string): ResolvedMapping {
  const mapping = pick('mapping', records.mappings, mappingId);
  const model = pick('model', records.models, mapping.model_id);
  return {
    mapping: mappingOf(mapping),
    model: modelOf(model),
    source: sourceOf(secrets, pick('source', records.sources, model.source_id)),
    destination: destinationOf(secrets, pick('destination', records.destinations, mapping.destination_id)),
  };
}

/** A model and the source it reads. Errors: `not_found`, `secret_…`. */
export async function findModel(
  { db, secrets }: WorkspaceStore,
  nameOrId: string,
): Promise<{ readonly model: Model; readonly source: Source }> {
  const records = await readRecords(db);
  const model = pick('model', records.models, nameOrId);
  return { model: modelOf(model), source: sourceOf(secrets, pick('source', records.sources, model.source_id)) };
}

/** Errors: `not_found`, `secret_…`. */
export async function findSource({ db, secrets }: WorkspaceStore, nameOrId: string): Promise<Source> {
  const records = await readRecords(db);
  return sourceOf(secrets, pick('source', records.sources, nameOrId));
}

/** With its secrets in clear: never print its settings. Errors: `not_found`, `secret_…`. */
export async function findDestination({ db, secrets }: WorkspaceStore, nameOrId: string): Promise<Destination> {
  const records = await readRecords(db);
  return destinationOf(secrets, pick('destination', records.destinations, nameOrId));
}

/** The destinations that are not in this database, by name. Reads no secrets. */
export async function outsideDestinations(db: Queryable): Promise<readonly Pick<Destination, 'id' | 'name'>[]> {
  const { rows } = await db.query<{ id: string; name: string }>(
    `SELECT id, name FROM destinations WHERE settings ->> 'endpoint' IS DISTINCT FROM 'local' ORDER BY name`,
  );
  return rows;
}

/** A mapping that has a schedule. */
export interface ScheduledMapping {
  readonly id: string;
  readonly name: string;
  readonly schedule: Schedule;
  readonly enabled: boolean;
  /** What it needs and what is disabled; null when nothing is. */
  readonly disabledPart: string | null;
}

/** Those that have a schedule, by name. Reads no secrets. */
export async function scheduledMappings(db: Queryable): Promise<readonly ScheduledMapping[]> {
  const { rows } = await db.query<ScheduledMapping>(
    `SELECT m.id, m.name, m.schedule, m.enabled,
       CASE WHEN NOT l.enabled THEN 'model ' || l.name WHEN NOT s.enabled THEN 'source ' || s.name
            WHEN NOT d.enabled THEN 'destination ' || d.name END AS "disabledPart"
     FROM mappings m JOIN models l ON l.id = m.model_id JOIN sources s ON s.id = l.source_id
       JOIN destinations d ON d.id = m.destination_id
     WHERE m.schedule IS NOT NULL ORDER BY m.name`,
  );
  return rows;
}

/** Begins a new epoch of a mapping: message ids of the next sync differ from all before. Returns it. Error: `not_found`. */
export async function bumpEpoch(tx: Transaction, mappingId: string): Promise<number> {
  const { rows } = await tx.query<{ epoch: number }>(
    'UPDATE mappings SET epoch = epoch + 1, updated_at = now() WHERE id = $1 RETURNING epoch',
    [mappingId],
  );
  if (rows[0] === undefined) throw notFound('mapping', mappingId, []);
  return rows[0].epoch;
}

/** The epoch a mapping is in now; null when there is no such mapping any more. */
export async function currentEpoch(db: Queryable, mappingId: string): Promise<number | null> {
  const { rows } = await db.query<{ epoch: number }>('SELECT epoch FROM mappings WHERE id = $1', [mappingId]);
  return rows[0]?.epoch ?? null;
}

/** The one with this id, else with this name. */
function pick<T extends { readonly id: string; readonly name: string }>(
  kind: string,
  records: readonly T[],
  nameOrId: string,
): T {
  const found = records.find(({ id }) => id === nameOrId) ?? records.find(({ name }) => name === nameOrId);
  if (found === undefined) {
    throw notFound(
      kind,
      nameOrId,
      records.map(({ name }) => name),
    );
  }
  return found;
}

export function notFound(kind: string, nameOrId: string, known: readonly string[]): MillraceError {
  const hint = suggestion(nameOrId, known).trim();
  const none = `There is no ${kind} yet; add one to the workspace file and apply it.`;
  return new MillraceError('not_found', `There is no ${kind} "${nameOrId}".`, {
    ...(known.length === 0 ? { help: none } : hint === '' ? {} : { help: hint }),
  });
}

/** The names of a table, for "did you mean". */
export async function namesOf(
  db: Queryable,
  table: 'spaces' | 'event_streams' | 'tokens' | 'oauth_apps',
): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(`SELECT name FROM ${table} ORDER BY name LIMIT 1000`);
  return rows.map(({ name }) => name);
}
