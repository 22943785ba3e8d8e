/** The workspace's tables, read in one statement: one consistent state, in a form close to the tables. */
import type { Json, JsonObject } from '../base/json.ts';
import type { Queryable } from '../db/db.ts';
import type { ActionSlug } from '../destination/destination.ts';
import type { SpaceSettings } from '../space/space.ts';
import type { ModelSchedule, Schedule } from './schedules.ts';
import { replaceAt, type SecretSetting, secretsOf, withoutSecrets } from './secret-settings.ts';
import type { Secrets } from './secrets.ts';
import type {
  Alert,
  AlertChannel,
  AlertEvent,
  Destination,
  EventStream,
  Mapping,
  Model,
  Source,
  Space,
} from './workspace.ts';

export interface SourceRecord {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly created_at: string;
  readonly engine: Source['engine'];
  /** Those that mean nothing here are under `extra`. */
  readonly settings: JsonObject;
  readonly secrets: string | null;
  readonly write_keys: readonly string[];
  readonly enabled: boolean;
}

export interface ModelRecord {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly created_at: string;
  readonly source_id: string;
  readonly description: string;
  readonly query: string;
  readonly identifier_column: string;
  readonly enabled: boolean;
  readonly schedule: ModelSchedule | null;
}

export interface DestinationRecord {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly created_at: string;
  readonly source_id: string;
  readonly slug: string;
  readonly settings: JsonObject;
  readonly secrets: string | null;
  readonly enabled: boolean;
}

export interface MappingRecord {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly created_at: string;
  readonly destination_id: string;
  readonly model_id: string;
  readonly action: ActionSlug;
  readonly trigger_fql: string;
  readonly fields: Readonly<Record<string, Json>>;
  readonly skip_nulls: readonly string[];
  readonly enabled: boolean;
  readonly epoch: number;
  readonly skip_backfill: boolean;
  readonly guard_percent: number | null;
  readonly schedule: Schedule | null;
}

export interface SpaceRecord {
  readonly id: string;
  readonly no: number;
  readonly name: string;
  readonly title: string | null;
  readonly source_name: string;
  readonly created_at: string;
  readonly settings: SpaceSettings;
  readonly write_key: string;
}

export interface EventStreamRecord {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly created_at: string;
  readonly write_key: string;
  readonly more_write_keys: readonly string[];
  readonly space_ids: readonly string[];
  readonly enabled: boolean;
  readonly client_side: boolean;
  readonly oauth_enforced: boolean;
}

export interface AlertRecord {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly created_at: string;
  readonly events: readonly AlertEvent[];
  readonly mapping_ids: readonly string[] | null;
  readonly threshold_percent: number | null;
  readonly settings: JsonObject;
  readonly secrets: string | null;
  readonly enabled: boolean;
}

/** Named as the tables are. */
export interface WorkspaceRecords {
  readonly sources: readonly SourceRecord[];
  readonly models: readonly ModelRecord[];
  readonly destinations: readonly DestinationRecord[];
  readonly mappings: readonly MappingRecord[];
  readonly spaces: readonly SpaceRecord[];
  readonly event_streams: readonly EventStreamRecord[];
  readonly alerts: readonly AlertRecord[];
}

const all = (table: string) =>
  `(SELECT coalesce(jsonb_agg(to_jsonb(t) - 'updated_at' ORDER BY t.name), '[]') FROM ${table} t) AS ${table}`;

const tables = ['sources', 'models', 'destinations', 'mappings', 'spaces', 'event_streams', 'alerts'];
const everything = `SELECT ${tables.map(all).join(',\n  ')}`;

export async function readRecords(db: Queryable): Promise<WorkspaceRecords> {
  const { rows } = await db.query<WorkspaceRecords>(everything);
  return rows[0] as WorkspaceRecords;
}

/** Settings as two columns: what may be seen, and the secrets sealed for this owner. */
export function splitSettings(
  secrets: Secrets,
  ownerId: string,
  settings: JsonObject,
): { readonly settings: string; readonly secrets: string | null } {
  const found = secretsOf(settings);
  return {
    settings: JSON.stringify(withoutSecrets(settings)),
    secrets: found.length === 0 ? null : secrets.seal(ownerId, JSON.stringify(found)),
  };
}

/** With the secrets, as they were given. */
export function joinSettings(
  secrets: Secrets,
  record: { readonly id: string; readonly settings: JsonObject; readonly secrets: string | null },
): JsonObject {
  if (record.secrets === null) return record.settings;
  return replaceAt(record.settings, JSON.parse(secrets.open(record.id, record.secrets)) as SecretSetting[]);
}

export function sourceOf(secrets: Secrets, record: SourceRecord): Source {
  const { id, name, title, engine, enabled } = record;
  const { extra, ...settings } = joinSettings(secrets, record);
  const extraSettings = (extra ?? {}) as JsonObject;
  return {
    id,
    name,
    title,
    engine,
    settings,
    extraSettings,
    writeKeys: record.write_keys,
    enabled,
    createdAt: new Date(record.created_at),
  };
}

export function modelOf(record: ModelRecord): Model {
  const { id, name, title, description, query, enabled, schedule } = record;
  return {
    id,
    name,
    title,
    sourceId: record.source_id,
    description,
    query,
    identifierColumn: record.identifier_column,
    enabled,
    schedule,
    createdAt: new Date(record.created_at),
  };
}

/** What a destination does that names no endpoint. */
export const usualEndpoint = { endpoint: 'local' };

export function destinationOf(secrets: Secrets, record: DestinationRecord): Destination {
  const { id, name, title, slug, enabled } = record;
  const given = joinSettings(secrets, record);
  const settings: Destination['settings'] = { ...usualEndpoint, ...given };
  return {
    id,
    name,
    title,
    sourceId: record.source_id,
    slug,
    settings,
    endpointIsGiven: Object.hasOwn(given, 'endpoint'),
    enabled,
    createdAt: new Date(record.created_at),
  };
}

export function mappingOf(record: MappingRecord): Mapping {
  const { id, name, title, action, fields, enabled, epoch, schedule } = record;
  return {
    id,
    name,
    title,
    destinationId: record.destination_id,
    modelId: record.model_id,
    action,
    trigger: record.trigger_fql,
    fields,
    skipNulls: record.skip_nulls,
    enabled,
    epoch,
    skipBackfill: record.skip_backfill,
    guardPercent: record.guard_percent,
    schedule,
    createdAt: new Date(record.created_at),
  };
}

export function spaceOf(record: SpaceRecord): Space {
  const { id, no, name, title, settings } = record;
  return {
    id,
    no,
    name,
    title,
    sourceName: record.source_name,
    settings,
    writeKey: record.write_key,
    createdAt: new Date(record.created_at),
  };
}

/** @param spaces those it names, in its order */
export function eventStreamOf(
  record: Omit<EventStreamRecord, 'space_ids'>,
  spaces: readonly SpaceRecord[],
): EventStream {
  const { id, name, title, enabled } = record;
  return {
    id,
    name,
    title,
    writeKey: record.write_key,
    moreWriteKeys: record.more_write_keys,
    spaces: spaces.map(spaceOf),
    enabled,
    clientSide: record.client_side,
    createdAt: new Date(record.created_at),
    oauthEnforced: record.oauth_enforced,
  };
}

export function channelsOf(
  secrets: Secrets,
  record: { readonly id: string; readonly settings: JsonObject; readonly secrets: string | null },
): readonly AlertChannel[] {
  return joinSettings(secrets, record).channels as unknown as readonly AlertChannel[];
}

export function alertOf(secrets: Secrets, record: AlertRecord): Alert {
  const { id, name, title, events, enabled } = record;
  return {
    id,
    name,
    title,
    on: events,
    mappingIds: record.mapping_ids,
    thresholdPercent: record.threshold_percent,
    channels: channelsOf(secrets, record),
    enabled,
    createdAt: new Date(record.created_at),
  };
}
