/** `/catalog/…`: what kinds of sources and destinations there are. Ids are the vendor's, so that scripts keep working. */
import { createHash } from 'node:crypto';
import type { Json } from '../../../base/json.ts';
import type { Action, Field, segmentProfiles } from '../../../destination/destination.ts';
import type { Source } from '../../../workspace/workspace.ts';
import { notFound } from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { engines, type Option } from './engines.ts';

type Status = 'PUBLIC' | 'UNAVAILABLE';

export interface SourceMetadata {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly description: string;
  readonly logos: { readonly default: string };
  readonly options: readonly Option[];
  readonly categories: readonly string[];
  readonly isCloudEventSource: boolean;
  readonly status: Status;
  readonly partnerOwned: boolean;
}

/** What a source of a kind is here. */
export type SourceKind =
  | { readonly of: 'warehouse'; readonly engine: Source['engine'] }
  | { readonly of: 'event stream'; readonly clientSide: boolean }
  | { readonly of: 'space' }
  /** Known by name, so that scripts are told so. */
  | { readonly of: 'nothing' };

interface CatalogSource {
  readonly metadata: SourceMetadata;
  readonly kind: SourceKind;
}

/** A picture of the web app. */
const logoOf = (name: 'warehouse' | 'event-stream' | 'space' | 'profiles') => `/logos/${name}.svg`;

function source(id: string, slug: string, name: string, category: string, kind: SourceKind): CatalogSource {
  const isThere = kind.of !== 'nothing';
  const description = describe(name, kind);
  return {
    kind,
    metadata: {
      id,
      name,
      slug,
      description,
      logos: {
        default: logoOf(category === 'Warehouse' ? 'warehouse' : kind.of === 'space' ? 'space' : 'event-stream'),
      },
      options: kind.of === 'warehouse' ? engines[kind.engine].options : [],
      categories: [category],
      isCloudEventSource: false,
      status: isThere ? 'PUBLIC' : 'UNAVAILABLE',
      partnerOwned: false,
    },
  };
}

const whatIsRead: Readonly<Record<Source['engine'], string>> = {
  postgres: 'tables and views of a Postgres database',
  duckdb: 'a DuckDB file, or Parquet, CSV and JSON files',
};

function describe(name: string, kind: SourceKind): string {
  switch (kind.of) {
    case 'warehouse':
      return `${name} as a reverse ETL source: reads ${whatIsRead[kind.engine]}.`;
    case 'event stream':
      return `Messages sent with a library or over HTTP (${name}).`;
    case 'space':
      return 'Stands for a profile space: its write key names the space in a mapping.';
    case 'nothing':
      return `${name} cannot be read by this server yet.`;
  }
}

const warehouse = (id: string, slug: string, name: string, engine?: Source['engine']) =>
  source(id, slug, name, 'Warehouse', engine === undefined ? { of: 'nothing' } : { of: 'warehouse', engine });

export const sourceCatalog: readonly CatalogSource[] = [
  warehouse('WvlvcGEJsT', 'postgres', 'Postgres', 'postgres'),
  warehouse('dUckDbF1Le', 'duckdb', 'DuckDB', 'duckdb'),
  warehouse('BQp3zGUgjV', 'snowflake', 'Snowflake'),
  warehouse('78PbvP2yv8', 'bigquery', 'BigQuery'),
  warehouse('0yMe8VfuDc', 'redshift', 'Redshift'),
  warehouse('aSPS4yE0CZ', 'databricks', 'Databricks'),
  warehouse('xNpohElkX2', 'azure', 'Azure'),
  warehouse('fUGdCkAF8f', 'db2', 'DB2'),
  source('iUM16Md8P2', 'http-api', 'HTTP API', 'Server', { of: 'event stream', clientSide: false }),
  source('IqDTy1TpoU', 'javascript', 'Javascript', 'Website', { of: 'event stream', clientSide: true }),
  source('pErs0naC0m', 'personas-compute', 'Profile space', 'INTERNAL', { of: 'space' }),
];

export function catalogSource(isIt: (kind: SourceKind) => boolean): SourceMetadata {
  return (sourceCatalog.find(({ kind }) => isIt(kind)) as CatalogSource).metadata;
}

/** Actions in the order of the vendor's catalog, under its ids. */
const actionIds: Readonly<Record<Action['slug'], string>> = {
  sendIdentify: 'vm2tNA5U1zxUusQkdC4D7Z',
  sendGroup: 'zfCkGpUYbWN9ns5jr1jvU',
  sendSubscription: 'bJDm8aeYaQaGLVGtnRa28W',
  sendTrack: 'ujsJxBdpg7XkYwKSKREnQt',
};

export function actionIdOf(slug: Action['slug']): string {
  return actionIds[slug];
}

export function actionOfId(id: string): Action['slug'] | null {
  const found = Object.entries(actionIds).find(([, actionId]) => actionId === id);
  return found === undefined ? null : (found[0] as Action['slug']);
}

export function destinationMetadata({ name, slug, metadataId, settings, actions }: typeof segmentProfiles) {
  const order = Object.keys(actionIds) as Action['slug'][];
  return {
    id: metadataId,
    name,
    slug,
    description: 'Creates and updates profiles from the rows of a warehouse.',
    website: '',
    logos: { default: logoOf('profiles'), mark: null, alt: null },
    options: Object.entries(settings).map(([key, setting]) => ({
      name: key,
      type: setting.choices === undefined ? setting.type : 'select',
      // What the others take depends on the endpoint; this server asks for the least.
      required: setting.requiredFor.includes('local'),
      label: setting.label,
      description: setting.description,
      ...(setting.default !== undefined && { defaultValue: setting.default }),
      ...(setting.choices !== undefined && { choices: setting.choices }),
    })),
    status: 'PUBLIC' satisfies Status,
    previousNames: [name],
    categories: ['Raw Data', 'Analytics'],
    components: [],
    supportedFeatures: {
      cloudModeInstances: 'MULTIPLE',
      deviceModeInstances: 'NONE',
      replay: false,
      browserUnbundling: false,
      browserUnbundlingPublic: false,
    },
    supportedMethods: { pageview: false, identify: true, alias: false, track: true, group: true },
    supportedPlatforms: {
      browser: false,
      server: false,
      mobile: false,
      warehouse: true,
      cloudAppObject: true,
      linkedAudiences: true,
    },
    actions: order.map((action) => actionBody(actions[action])),
    presets: [],
    contacts: [],
    partnerOwned: false,
    supportedRegions: ['us-west-2', 'eu-west-1'],
    regionEndpoints: ['US', 'EU'],
  };
}

function actionBody({ slug, title, description, defaultTrigger, fields, needs }: Action) {
  return {
    ...{ id: actionIds[slug], slug, name: title, description, platform: 'CLOUD', hidden: false, defaultTrigger },
    fields: Object.entries(fields).map(([key, field], sortOrder) => fieldBody(slug, key, field, sortOrder)),
    needs,
  };
}

function fieldBody(action: string, fieldKey: string, field: Field, sortOrder: number) {
  return {
    id: createHash('sha256').update(`${action} ${fieldKey}`).digest('hex').slice(0, 22),
    sortOrder,
    fieldKey,
    label: field.label,
    type: field.type.toUpperCase(),
    description: field.description,
    placeholder: '',
    defaultValue: (field.default ?? null) as Json,
    required: field.required,
    multiple: false,
    choices: null,
    dynamic: field.dynamic ?? false,
    allowNull: field.allowNull ?? false,
    hidden: field.hidden ?? false,
  };
}

export function catalogRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const common = { method: 'GET', versions: allVersions, needs: 'workspace:read' } as const;
  const destinations = () => [destinationMetadata(deps.destination)];
  return [
    {
      ...{ ...common, url: '/catalog/sources' },
      handle: async ({ query }) =>
        listPage(
          'sourcesCatalog',
          sourceCatalog.map(({ metadata }) => metadata),
          query,
        ),
    },
    {
      ...{ ...common, url: '/catalog/sources/:sourceMetadataId' },
      async handle({ params }) {
        const id = params.sourceMetadataId as string;
        const found = sourceCatalog.find(({ metadata }) => metadata.id === id);
        return found === undefined ? notFound('Source metadata', id) : { data: { sourceMetadata: found.metadata } };
      },
    },
    {
      ...{ ...common, url: '/catalog/destinations' },
      handle: async ({ query }) => listPage('destinationsCatalog', destinations(), query),
    },
    {
      ...{ ...common, url: '/catalog/destinations/:destinationMetadataId' },
      async handle({ params }) {
        const id = params.destinationMetadataId as string;
        const found = destinations().find((metadata) => metadata.id === id);
        return found === undefined ? notFound('Destination metadata', id) : { data: { destinationMetadata: found } };
      },
    },
  ];
}
