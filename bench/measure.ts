/** One group of measurements, in a process of its own (`bench.ts` starts it). Words: rows, then the names. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog } from '../src/base/log.ts';
import { type Database, openDatabase } from '../src/db/db.ts';
import type { BenchResult } from './bench.ts';
import { benchComputing } from './computing.ts';
import { benchConfigDuringSync } from './config-during-sync.ts';
import { deliveryBench } from './delivery.ts';
import { mappingBench } from './mapping.ts';
import { benchProfileApi, benchProfileApiDuringSync } from './profile-api-on-space.ts';
import { benchProfilePage } from './profile-page.ts';
import { openSyncBench } from './sync-bench.ts';
import { trackingBench } from './tracking.ts';
import { webBench } from './web.ts';

const [rowsText, ...names] = process.argv.slice(2);
const rows = Number(rowsText);
const say = (sentence: string) => process.stderr.write(`${sentence}\n`);

const results = await measure();
process.send?.(results, () => process.disconnect());

async function measure(): Promise<readonly BenchResult[]> {
  if (names.includes('mapping')) return [await mappingBench(rows)];
  if (names.includes('delivery')) return [await deliveryBench(rows, say)];
  if (names.includes('tracking')) return [await onDatabase((db) => trackingBench(db, say))];
  return onDatabase(measureSyncs);
}

async function onDatabase<T>(measure: (db: Database, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-bench-'));
  // As root the server runs under another account, which has to get here.
  await chmod(folder, 0o755);
  const db = await openDatabase({ dataFolder: folder, log: createLog({ level: 'error' }) });
  try {
    return await measure(db, folder);
  } finally {
    await db.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureSyncs(db: Database, folder: string): Promise<BenchResult[]> {
  const engine = names.includes('first-sync-postgres') ? 'postgres' : 'duckdb';
  const bench = await openSyncBench({ db, folder, engine, rows, say });
  const measured: BenchResult[] = [];
  // Whatever is asked for, the first sync fills the space that the others look at.
  measured.push(await bench.firstSync());
  if (names.includes('resync-unchanged')) measured.push(await bench.unchanged());
  if (names.includes('resync-1-percent')) measured.push(await bench.onePercent());
  if (names.includes('profile-api')) measured.push(await benchProfileApi(db, bench.space, rows, say));
  if (names.includes('profile-page')) measured.push(await benchProfilePage(db, bench.space, rows, say));
  if (names.includes('profile-api-during-sync')) {
    measured.push(await benchProfileApiDuringSync(db, bench.space, rows, (begun) => bench.everythingAgain(begun), say));
  }
  if (names.includes('computing')) measured.push(...(await benchComputing(db, bench.space, rows, say)));
  if (names.includes('config-during-sync')) measured.push(await benchConfigDuringSync(db, folder, rows, say));
  if (names.some((name) => name.startsWith('web-'))) {
    measured.push(...(await webBench(db, folder, bench.space, rows, say)));
  }
  return measured.filter(({ name }) => names.includes(name));
}
