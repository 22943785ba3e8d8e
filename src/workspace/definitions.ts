/** What is configured, as a file says it: by name instead of by id, secrets filled in. */
import type { Json, JsonObject } from '../base/json.ts';
import type { ActionSlug } from '../destination/destination.ts';
import type { SpaceSettings } from '../space/space.ts';
import { channelsOf, joinSettings, mappingOf, sourceOf, usualEndpoint, type WorkspaceRecords } from './records.ts';
import type { ModelSchedule, Schedule } from './schedules.ts';
import type { Secrets } from './secrets.ts';
import { settingsInFile } from './setting-names.ts';
import type { AlertChannel, AlertEvent, Source } from './workspace.ts';

export interface SpaceDefinition {
  readonly name: string;
  readonly title: string | null;
  readonly settings: SpaceSettings;
}

export interface SourceDefinition {
  readonly name: string;
  readonly title: string | null;
  readonly engine: Source['engine'];
  readonly settings: JsonObject;
  /** What clients of the Public API sent that means nothing here. */
  readonly extraSettings: JsonObject;
  readonly enabled: boolean;
}

export interface ModelDefinition {
  readonly name: string;
  readonly title: string | null;
  readonly source: string;
  readonly description: string;
  readonly query: string;
  readonly identifierColumn: string;
  readonly enabled: boolean;
  readonly schedule: ModelSchedule | null;
}

export interface DestinationDefinition {
  readonly name: string;
  readonly title: string | null;
  readonly source: string;
  readonly slug: string;
  /** As they were given: without what they leave to us. */
  readonly settings: JsonObject;
  readonly enabled: boolean;
}

export interface MappingDefinition {
  readonly name: string;
  readonly title: string | null;
  readonly destination: string;
  readonly model: string;
  readonly action: ActionSlug;
  readonly trigger: string;
  readonly fields: Readonly<Record<string, Json>>;
  readonly skipNulls: readonly string[];
  readonly skipBackfill: boolean;
  readonly guardPercent: number | null;
  readonly schedule: Schedule | null;
  readonly enabled: boolean;
}

export interface EventStreamDefinition {
  readonly name: string;
  readonly title: string | null;
  readonly spaces: readonly string[];
  readonly clientSide: boolean;
  readonly oauthEnforced: boolean;
  /** Null in a file that leaves it to us: the one it has is kept, or one is made. */
  readonly writeKey: string | null;
  readonly enabled: boolean;
}

export interface AlertDefinition {
  readonly name: string;
  readonly title: string | null;
  readonly on: readonly AlertEvent[];
  /** Names; null: all. */
  readonly mappings: readonly string[] | null;
  /** Of `delivery_rate` only. */
  readonly thresholdPercent: number | null;
  /** Secrets in clear. */
  readonly channels: readonly AlertChannel[];
  readonly enabled: boolean;
}

export interface Definitions {
  readonly spaces: readonly SpaceDefinition[];
  readonly sources: readonly SourceDefinition[];
  readonly models: readonly ModelDefinition[];
  readonly destinations: readonly DestinationDefinition[];
  readonly mappings: readonly MappingDefinition[];
  readonly eventStreams: readonly EventStreamDefinition[];
  readonly alerts: readonly AlertDefinition[];
}

/** The kinds of what is configured, as plans call them: where their definitions are, their table, and how ids begin. */
export const kinds = {
  space: { list: 'spaces', table: 'spaces', prefix: 'spa' },
  source: { list: 'sources', table: 'sources', prefix: 'src' },
  model: { list: 'models', table: 'models', prefix: 'mod' },
  destination: { list: 'destinations', table: 'destinations', prefix: 'dst' },
  mapping: { list: 'mappings', table: 'mappings', prefix: 'mpg' },
  'event stream': { list: 'eventStreams', table: 'event_streams', prefix: 'evs' },
  alert: { list: 'alerts', table: 'alerts', prefix: 'alr' },
} as const satisfies Record<
  string,
  { readonly list: keyof Definitions; readonly table: keyof WorkspaceRecords; readonly prefix: string }
>;

export type Kind = keyof typeof kinds;
export type Definition = Definitions[keyof Definitions][number];

/** What the database holds, said as a file would. */
export function definitionsOf(records: WorkspaceRecords, secrets: Secrets): Definitions {
  const named = (list: readonly { readonly id: string; readonly name: string }[]) => {
    const names = new Map(list.map(({ id, name }) => [id, name]));
    return (id: string) => names.get(id) ?? id;
  };
  const sourceName = named(records.sources);
  const modelName = named(records.models);
  const destinationName = named(records.destinations);
  const spaceName = named(records.spaces);
  const mappingName = named(records.mappings);
  const isMapping = (id: string) => records.mappings.some((mapping) => mapping.id === id);
  return {
    spaces: records.spaces.map(({ name, title, settings }) => ({ name, title, settings })),
    sources: records.sources.map((record) => {
      const { name, title, engine, settings, extraSettings, enabled } = sourceOf(secrets, record);
      return { name, title, engine, settings, extraSettings, enabled };
    }),
    models: records.models.map((record) => ({
      name: record.name,
      title: record.title,
      source: sourceName(record.source_id),
      description: record.description,
      query: record.query,
      identifierColumn: record.identifier_column,
      enabled: record.enabled,
      schedule: record.schedule,
    })),
    destinations: records.destinations.map((record) => {
      const { name, title, slug, source_id, enabled } = record;
      return { name, title, source: sourceName(source_id), slug, settings: joinSettings(secrets, record), enabled };
    }),
    mappings: records.mappings.map((record) => {
      const { id: _id, destinationId, modelId, epoch: _epoch, createdAt: _createdAt, ...rest } = mappingOf(record);
      return { ...rest, destination: destinationName(destinationId), model: modelName(modelId) };
    }),
    eventStreams: records.event_streams.map((record) => ({
      name: record.name,
      title: record.title,
      spaces: record.space_ids.map(spaceName),
      clientSide: record.client_side,
      oauthEnforced: record.oauth_enforced,
      writeKey: record.write_key,
      enabled: record.enabled,
    })),
    alerts: records.alerts.map((record) => ({
      name: record.name,
      title: record.title,
      on: record.events,
      mappings: record.mapping_ids?.filter(isMapping).map(mappingName) ?? null,
      thresholdPercent: record.threshold_percent,
      channels: channelsOf(secrets, record),
      enabled: record.enabled,
    })),
  };
}

/** A definition as it is written in a file: for showing what changes. Settings are in clear. */
export function fileForm(kind: Kind, definition: Definition): JsonObject {
  const { title } = definition;
  return { ...(title !== null && { title }), ...partsInFile(kind, definition) };
}

function partsInFile(kind: Kind, definition: Definition): JsonObject {
  switch (kind) {
    case 'space': {
      const { settings } = definition as SpaceDefinition;
      const filters = (settings.filters ?? []).map(({ name, ...rest }) => [name, rest as JsonObject] as const);
      return {
        identifiers: settings.identifiers as unknown as Json,
        identifiers_in_order: settings.ordered,
        auto_register: settings.autoRegister,
        filters: Object.fromEntries(filters),
        subscription_groups: settings.subscriptionGroups ?? [],
        identifier_deletion: settings.identifierDeletion ?? false,
      };
    }
    case 'source': {
      const { engine, settings, extraSettings, enabled } = definition as SourceDefinition;
      const extra = Object.keys(extraSettings).length > 0 && { extra: extraSettings };
      return { ...settingsInFile(settings), ...extra, engine, enabled };
    }
    case 'model': {
      const { source, description, query, identifierColumn, enabled, schedule } = definition as ModelDefinition;
      const usual = schedule !== null && { schedule: scheduleInFile(schedule) };
      return { source, description, query, identifier: identifierColumn, enabled, ...usual };
    }
    case 'destination': {
      const { source, settings, enabled } = definition as DestinationDefinition;
      return { source, settings: { ...usualEndpoint, ...settings }, enabled };
    }
    case 'mapping': {
      const { skipNulls, skipBackfill, guardPercent, schedule, ...rest } = definition as MappingDefinition;
      const { name: _name, title: _title, ...same } = rest;
      return {
        ...same,
        skip_nulls: skipNulls,
        skip_backfill: skipBackfill,
        guard_percent: guardPercent,
        schedule: scheduleInFile(schedule),
      };
    }
    case 'event stream': {
      const { spaces, clientSide, oauthEnforced, writeKey, enabled } = definition as EventStreamDefinition;
      return { spaces, client_side: clientSide, oauth_enforced: oauthEnforced, write_key: writeKey, enabled };
    }
    case 'alert': {
      const { on, mappings, thresholdPercent, channels, enabled } = definition as AlertDefinition;
      const threshold = thresholdPercent !== null && { threshold_percent: thresholdPercent };
      return { on, mappings: mappings ?? 'all', ...threshold, channels: channels as unknown as Json, enabled };
    }
    default:
      return kind satisfies never;
  }
}

/** Null is written `manual`. */
function scheduleInFile(schedule: ModelSchedule | null): Json {
  if (schedule === null) return 'manual';
  switch (schedule.kind) {
    case 'manual':
      return 'manual';
    case 'interval':
      return { every: schedule.interval };
    case 'days':
      return { days: schedule.days, hours: schedule.hours, timezone: schedule.timezone };
    case 'cron':
      return { cron: schedule.spec, timezone: schedule.timezone };
    default:
      return schedule satisfies never;
  }
}
