/** Alert rules as they are stored. Holds secrets in clear: never print them. */
import type { Queryable } from '../db/db.ts';
import { notFound } from './lookup.ts';
import { type AlertRecord, alertOf } from './records.ts';
import type { Alert, WorkspaceStore } from './workspace.ts';

/** In the order of names. Errors: `secret_…`. */
export async function listAlerts({ db, secrets }: WorkspaceStore): Promise<readonly Alert[]> {
  const { rows } = await db.query<AlertRecord>('SELECT * FROM alerts ORDER BY name');
  return rows.map((record) => alertOf(secrets, record));
}

/** Errors: `not_found`, `secret_…`. */
export async function findAlert(store: WorkspaceStore, nameOrId: string): Promise<Alert> {
  const alerts = await listAlerts(store);
  const found = alerts.find(({ id }) => id === nameOrId) ?? alerts.find(({ name }) => name === nameOrId);
  if (found !== undefined) return found;
  throw notFound(
    'alert',
    nameOrId,
    alerts.map(({ name }) => name),
  );
}

/** Mappings by id. Reads no secrets. */
export async function mappingNames(db: Queryable): Promise<ReadonlyMap<string, string>> {
  return new Map([...(await mappingPlaces(db))].map(([id, { name }]) => [id, name]));
}

/** A mapping, and the destination it is found at. */
export interface MappingPlace {
  readonly id: string;
  readonly name: string;
  readonly destinationId: string;
}

/** The same with where they are. */
export async function mappingPlaces(db: Queryable): Promise<ReadonlyMap<string, MappingPlace>> {
  const { rows } = await db.query<MappingPlace>('SELECT id, name, destination_id AS "destinationId" FROM mappings');
  return new Map(rows.map((place) => [place.id, place]));
}
