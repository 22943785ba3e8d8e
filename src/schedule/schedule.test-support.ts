/** A workspace in a database with a mapping that can be synced, and a clock that is set by hand. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { testDatabase, testLog } from '../../test/database.ts';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../db/db.ts';
import { createSpaceReader, createSpaceWriter } from '../space/space.ts';
import { excludeSyncs, type SyncContext } from '../sync/sync.ts';
import { openWarehouse } from '../warehouse/warehouse.ts';
import { checks } from '../workspace/checks.test-support.ts';
import {
  findMapping,
  openSecrets,
  parseWorkspaceFile,
  planApply,
  type ResolvedMapping,
  runApply,
  type WorkspaceStore,
} from '../workspace/workspace.ts';

export interface Shop extends AsyncDisposable {
  readonly db: Database;
  readonly store: WorkspaceStore;
  readonly sync: SyncContext;
  /** Set by hand; the time of the syncs as well. */
  readonly clock: Clock & { time: Date };
  /** Applies the shop with this schedule, as the file has it. */
  configure(
    schedule: string,
    options?: { readonly sourceEnabled?: boolean; readonly enabled?: boolean },
  ): Promise<void>;
  job(): Promise<ResolvedMapping>;
  sql(...statements: string[]): Promise<void>;
  people(): Promise<number>;
  requests(): Promise<readonly { readonly reason: string; readonly due: string | null }[]>;
}

export async function openShop(): Promise<Shop> {
  const db = await testDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-schedule-'));
  const file = path.join(folder, 'shop.duckdb');
  const sql = async (...statements: string[]) => {
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    try {
      for (const statement of statements) await connection.run(statement);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  };
  await sql(`CREATE TABLE people AS SELECT i AS id, 'p' || i || '@example.org' AS email FROM range(1, 101) t (i)`);
  const secrets = await openSecrets({ key: undefined, dataFolder: folder });
  const store = { db: db.pool, secrets };
  const clock = {
    time: new Date('2026-05-04T12:00:00Z'),
    now() {
      return this.time;
    },
  };
  const writer = createSpaceWriter({ db });
  const reader = createSpaceReader({ db });
  return {
    ...{ db, store, clock, sql },
    sync: {
      ...{ db, log: testLog(), clock, writer },
      openWarehouse: ({ engine, settings }) => openWarehouse(engine, settings, { stateSchema: 'millrace' }),
      settings: { batchSize: 10 },
    },
    async configure(schedule, { sourceEnabled = true, enabled = true } = {}) {
      const text = `
spaces: { main: {} }
sources: { shop: { engine: duckdb, path: ${file}, enabled: ${sourceEnabled} } }
models: { people: { source: shop, identifier: id, query: 'select id, email from people' } }
destinations: { profiles: { source: shop, settings: { endpoint: local, segment_papi_token: \${TOKEN} } } }
mappings:
  identify:
    destination: profiles
    model: people
    action: sendIdentify
    fields: { engage_space: main, user_id: { '@path': $.properties.id }, traits: { email: { '@path': $.properties.email } } }
    schedule: ${schedule}
    enabled: ${enabled}
`;
      const parsed = parseWorkspaceFile(text, {
        ...{ fileName: 'shop.yaml', env: { TOKEN: 'papi-token' }, baseFolder: folder, dataFolder: folder, checks },
      });
      const plan = await planApply(store, await parsed, { spaceHasProfiles: async () => false, excludeSyncs });
      if (!plan.changesNothing) await runApply({ db, secrets }, plan);
    },
    job: () => findMapping(store, 'identify'),
    async people() {
      const { rows } = await db.pool.query<{ no: number }>("SELECT no FROM spaces WHERE name = 'main'");
      return reader.count(rows[0]?.no as number, 'users');
    },
    async requests() {
      const { rows } = await db.pool.query<{ reason: string; due: string | null }>(
        `SELECT reason, options ->> 'dueAt' AS due FROM sync_requests ORDER BY requested_at`,
      );
      return rows;
    },
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]();
      await db.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
