/** Warehouses for tests: real ones, each with a second connection that writes. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { emptyTestDatabase, testDatabaseUrl } from '../../test/database.ts';
import { openWarehouse, type Warehouse, type WarehouseOptions } from './warehouse.ts';

export interface TestWarehouse {
  readonly engine: 'duckdb' | 'postgres';
  readonly warehouse: Warehouse;
  /** Runs statements on a connection that is not the warehouse's. */
  run(sql: string): Promise<void>;
  /** Another warehouse on the same data. */
  again(options?: WarehouseOptions): Promise<Warehouse>;
}

/** Makes an empty warehouse; it is taken away when the test ends. */
export type MakeWarehouse = () => Promise<TestWarehouse>;

/** A new folder for the files of a test. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-warehouse-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const makeDuckdb: MakeWarehouse = async () => {
  const file = path.join(await testFolder(), `shop_${randomBytes(3).toString('hex')}.duckdb`);
  const settings = { path: file, threads: 2, memoryLimit: '1GB' };
  const warehouse = await openWarehouse('duckdb', settings, { create: true });
  await warehouse.check();
  const instance = await DuckDBInstance.fromCache(file);
  const connection = await instance.connect();
  const others: Warehouse[] = [];
  onTestFinished(async () => {
    await warehouse.close();
    for (const other of others) await other.close();
    connection.closeSync();
    instance.closeSync();
  });
  return {
    engine: 'duckdb',
    warehouse,
    run: async (sql) => {
      await connection.run(sql);
    },
    again: async (options) => {
      const other = await openWarehouse('duckdb', settings, options);
      others.push(other);
      return other;
    },
  };
};

export const makePostgres: MakeWarehouse = async () => {
  const database = await emptyTestDatabase();
  const settings = { url: testDatabaseUrl(database) };
  const warehouse = await openWarehouse('postgres', settings);
  const client = new pg.Client({ connectionString: settings.url });
  await client.connect();
  const others: Warehouse[] = [];
  onTestFinished(async () => {
    await warehouse.close();
    for (const other of others) await other.close();
    await client.end();
    await database.close();
  });
  return {
    engine: 'postgres',
    warehouse,
    run: async (sql) => {
      await client.query(sql);
    },
    again: async (options) => {
      const other = await openWarehouse('postgres', settings, options);
      others.push(other);
      return other;
    },
  };
};

/** All rows of a statement, in a snapshot of its own. */
export async function readAll(warehouse: Warehouse, sql: string) {
  await using snapshot = await warehouse.snapshot();
  return (await snapshot.query(sql)).rows;
}
