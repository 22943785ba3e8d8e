/** A small world to sync in: a warehouse of DuckDB or Postgres, a space, a mapping; and endpoints that misbehave on order. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { testDatabase, testDatabaseUrl, testLog } from '../../test/database.ts';
import type { Clock } from '../base/clock.ts';
import { newId } from '../base/ids.ts';
import type { Json, JsonObject } from '../base/json.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../db/db.ts';
import type { Delivery, Endpoint, Receipt } from '../delivery/delivery.ts';
import { type ActionSlug, actions, fillDefaults } from '../destination/destination.ts';
import { createSpaceReader, createSpaceWriter, type SpaceReader } from '../space/space.ts';
import { openWarehouse, type Warehouse } from '../warehouse/warehouse.ts';
import { createSpace, type ResolvedMapping, type Space } from '../workspace/workspace.ts';
import { memoryOf } from './memory.ts';
import type { SyncContext } from './runner.ts';
import type { SyncSettings } from './settings.ts';

export interface WorldOptions {
  readonly engine?: 'duckdb' | 'postgres';
  readonly settings?: Partial<SyncSettings>;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly poolSize?: number;
}

export interface JobOptions {
  readonly query?: string;
  readonly identifierColumn?: string;
  readonly action?: ActionSlug;
  readonly trigger?: string;
  readonly fields?: JsonObject;
  readonly skipBackfill?: boolean;
  readonly guardPercent?: number;
  readonly endpoint?: string;
  /** Makes the endpoint `custom`. */
  readonly trackingUrl?: string;
}

export interface World extends AsyncDisposable {
  readonly db: Database;
  readonly space: Space;
  readonly reader: SpaceReader;
  readonly context: SyncContext;
  /** The same with another endpoint. */
  withEndpoint(endpoint: Endpoint): SyncContext;
  /** Runs statements in the warehouse. */
  sql(...statements: string[]): Promise<void>;
  /** A new mapping, stored with all it needs. By default it identifies `SELECT id, email, name FROM people`. */
  job(options?: JobOptions): Promise<ResolvedMapping>;
  /** The records table of a mapping: record id → checksum and revision; null when there is no table. */
  records(job: ResolvedMapping): Promise<Readonly<Record<string, string>> | null>;
  /** The traits of the profile with this user id; null when there is none. */
  traits(userId: string): Promise<JsonObject | null>;
  /** Everything in our tables and in the state schema of the warehouse, as text. */
  dump(): Promise<string>;
}

export const anyChange = 'event = "new" or event = "updated" or event = "deleted"';

export const identifyFields: JsonObject = {
  user_id: { '@path': '$.__segment_id' },
  traits: { email: { '@path': '$.properties.email' }, name: { '@path': '$.properties.name' } },
};

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const db = await testDatabase(options.poolSize === undefined ? {} : { poolSize: options.poolSize });
  const clock = options.clock ?? { now: () => new Date() };
  const log = options.log ?? testLog();
  const place = options.engine === 'postgres' ? await postgresPlace() : await duckdbPlace();
  const open = (): Promise<Warehouse> => openWarehouse(place.engine, place.settings, { stateSchema: 'millrace' });
  const writer = createSpaceWriter({ db });
  const space = await createSpace(db.pool, 'main');
  const reader = createSpaceReader({ db });
  const context: SyncContext = {
    db,
    log,
    clock,
    writer,
    openWarehouse: open,
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  };
  const inWarehouse = async <T>(work: (warehouse: Warehouse) => Promise<T>) => {
    await using warehouse = await open();
    return await work(warehouse);
  };
  return {
    db,
    space,
    reader,
    context,
    withEndpoint: (endpoint) => ({ ...context, openEndpoint: async () => endpoint }),
    sql: place.sql,
    job: (jobOptions = {}) => storeJob(db, space, place, jobOptions),
    records: (job) =>
      inWarehouse(async (warehouse) => {
        const { table } = memoryOf(job.mapping);
        if (!(await warehouse.hasState(table))) return null;
        const { dialect } = warehouse;
        await using snapshot = await warehouse.snapshot();
        const { rows } = await snapshot.query(
          `SELECT record_id, ${dialect.checksumText('checksum')}, revision FROM ${dialect.stateTable(table)} ORDER BY 1`,
        );
        return Object.fromEntries(
          rows.map(([id, checksum, revision]) => [String(id), `${checksum ?? 'gone'}@${revision}`]),
        );
      }),
    traits: async (userId) => {
      const profile = await reader.profile(space.no, 'users', { kind: 'identifier', type: 'user_id', value: userId });
      return profile === null ? null : Object.fromEntries(profile.traits.map((trait) => [trait.key, trait.value]));
    },
    dump: async () => [await dumpPostgres(db), await place.dump()].join('\n'),
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]();
      await db.close();
      await place.close();
    },
  };
}

/* ---- warehouses ---- */

interface Place {
  readonly engine: 'duckdb' | 'postgres';
  readonly settings: JsonObject;
  sql(...statements: string[]): Promise<void>;
  dump(): Promise<string>;
  close(): Promise<void>;
}

async function duckdbPlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-sync-'));
  const file = path.join(folder, 'shop.duckdb');
  const withFile = async (statements: readonly string[]) => {
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    try {
      const results: Json[][] = [];
      for (const statement of statements) {
        results.push((await connection.runAndReadAll(statement)).getRowsJson() as Json[]);
      }
      return results;
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  };
  return {
    engine: 'duckdb',
    settings: { path: file },
    sql: async (...statements) => void (await withFile(statements)),
    async dump() {
      const [tables] = await withFile([
        `SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema <> 'main' ORDER BY 1, 2`,
      ]);
      const names = (tables as string[][]).map(([schema, table]) => `"${schema}"."${table}"`);
      const contents = await withFile(names.map((name) => `SELECT * FROM ${name} ORDER BY ALL`));
      return JSON.stringify({ names, contents });
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function postgresPlace(): Promise<Place> {
  const { emptyTestDatabase } = await import('../../test/database.ts');
  const database = await emptyTestDatabase();
  const url = new URL(testDatabaseUrl(database));
  return {
    engine: 'postgres',
    settings: {
      host: url.hostname,
      port: Number(url.port),
      database: url.pathname.slice(1),
      user: url.username,
      password: url.password,
    },
    async sql(...statements) {
      for (const statement of statements) await database.pool.query(statement);
    },
    dump: () => dumpPostgres(database),
    close: () => database.close(),
  };
}

async function dumpPostgres({ pool }: Database): Promise<string> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname NOT LIKE 'pg_temp%' ORDER BY 1`,
  );
  const parts: string[] = [];
  for (const { name } of rows) {
    const { rows: contents } = await pool.query<{ line: string }>(`SELECT t::text AS line FROM ${name} t ORDER BY 1`);
    parts.push(name, ...contents.map(({ line }) => line));
  }
  return parts.join('\n');
}

/* ---- mappings ---- */

function common(prefix: string, name: string) {
  return { id: newId(prefix), name, title: null, enabled: true, createdAt: new Date() };
}

async function storeJob(db: Database, space: Space, place: Place, options: JobOptions): Promise<ResolvedMapping> {
  const no = newId('x').slice(-8);
  const action = actions[options.action ?? 'sendIdentify'];
  const job: ResolvedMapping = {
    source: {
      ...common('src', `shop-${no}`),
      engine: place.engine,
      settings: place.settings,
      extraSettings: {},
      writeKeys: [],
    },
    model: {
      ...common('mdl', `people-${no}`),
      sourceId: '',
      description: '',
      query: options.query ?? 'SELECT id, email, name FROM people',
      identifierColumn: options.identifierColumn ?? 'id',
      schedule: null,
    },
    destination: {
      ...common('dst', `profiles-${no}`),
      sourceId: '',
      slug: 'actions-segment-profiles',
      settings:
        options.trackingUrl === undefined
          ? { endpoint: options.endpoint ?? 'local' }
          : { endpoint: 'custom', tracking_url: options.trackingUrl },
      endpointIsGiven: true,
    },
    mapping: {
      ...common('map', `people-to-profiles-${no}`),
      destinationId: '',
      modelId: '',
      action: action.slug,
      trigger: options.trigger ?? anyChange,
      fields: fillDefaults(action, {
        engage_space: space.writeKey,
        ...(options.fields ?? identifyFields),
      }) as ResolvedMapping['mapping']['fields'],
      skipNulls: [],
      epoch: 1,
      skipBackfill: options.skipBackfill ?? false,
      guardPercent: options.guardPercent ?? null,
      schedule: null,
    },
  };
  await insertJob(db, job);
  return job;
}

/** The rows that a reset needs: it moves the epoch of the mapping. */
async function insertJob(db: Database, { source, model, destination, mapping }: ResolvedMapping): Promise<void> {
  const now = new Date();
  const insert = (table: string, columns: string, values: readonly unknown[]) =>
    db.pool.query(
      `INSERT INTO ${table} (${columns}) VALUES (${values.map((_, at) => `$${at + 1}`).join(', ')})`,
      values as unknown[],
    );
  await insert('sources', 'id, name, engine, settings, enabled, created_at, updated_at', [
    ...[source.id, source.name, source.engine, {}, true, now, now],
  ]);
  await insert(
    'models',
    'id, name, source_id, description, query, identifier_column, enabled, created_at, updated_at',
    [model.id, model.name, source.id, '', model.query, model.identifierColumn, true, now, now],
  );
  await insert('destinations', 'id, name, source_id, slug, settings, enabled, created_at, updated_at', [
    ...[destination.id, destination.name, source.id, destination.slug, destination.settings, true, now, now],
  ]);
  await insert(
    'mappings',
    `id, name, destination_id, model_id, action, trigger_fql, fields, skip_nulls, enabled, skip_backfill,
     created_at, updated_at`,
    [
      ...[mapping.id, mapping.name, destination.id, model.id, mapping.action, mapping.trigger, mapping.fields],
      ...['[]', true, false, now, now],
    ],
  );
}

/* ---- faults ---- */

/** An object that does something else in a few places. */
export function changed<T extends object>(real: T, changes: Partial<T>): T {
  return new Proxy(real, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(changes, name) ? changes : target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The same with a warehouse that does something else in a few places. */
export function withWarehouse(context: SyncContext, changes: (real: Warehouse) => Partial<Warehouse>): SyncContext {
  return {
    ...context,
    openWarehouse: async (source) => {
      const real = await context.openWarehouse(source);
      return changed(real, changes(real));
    },
  };
}

/* ---- endpoints ---- */

export interface FakeEndpoint extends Endpoint {
  /** Every delivery it was given, in order. */
  readonly given: Delivery[];
}

/** Answers each delivery as told; throws or hangs when `answer` does. */
export function fakeEndpoint(
  answer: (delivery: Delivery, index: number) => Receipt | Promise<Receipt> = () => ({ kind: 'delivered' }),
  maxBatch = 2_000,
): FakeEndpoint {
  const given: Delivery[] = [];
  return {
    name: 'fake',
    maxBatch,
    given,
    async deliver(batch, _origin, record) {
      given.push(...batch);
      const receipts = await Promise.all(batch.map(answer));
      await record(receipts, undefined);
      return receipts;
    },
    async [Symbol.asyncDispose]() {},
  };
}

export const refused: Receipt = { kind: 'refused', code: 'TEST_REFUSED', reason: 'This one is refused.' };
export const later: Receipt = { kind: 'later', code: 'TEST_LATER', reason: 'Not now.' };

/** A table `people` with ids 1 to `count`. */
export function peopleTable(count: number): string {
  return `CREATE TABLE people AS SELECT i AS id, 'p' || i || '@example.org' AS email, 'Person ' || i AS name
          FROM generate_series(1, ${count}) AS t (i)`;
}
