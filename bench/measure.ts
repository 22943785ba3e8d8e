/** One group of measurements, in a process of its own (`bench.ts` starts it). Words: rows, then the names. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog } from '../src/base/log.ts';
import { openDatabase } from '../src/db/db.ts';
import type { BenchResult } from './bench.ts';
import { mappingBench } from './mapping.ts';
import { benchProfileApi } from './profile-api-on-space.ts';
import { openSyncBench } from './sync-bench.ts';

const [rowsText, ...names] = process.argv.slice(2);
const rows = Number(rowsText);
const say = (sentence: string) => process.stderr.write(`${sentence}\n`);

const results = names.includes('mapping') ? [await mappingBench(rows)] : await measureSyncs();
process.send?.(results, () => process.disconnect());

async function measureSyncs(): Promise<BenchResult[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-bench-'));
  // As root the server runs under another account, which has to get here.
  await chmod(folder, 0o755);
  const db = await openDatabase({ dataFolder: folder, log: createLog({ level: 'error' }) });
  try {
    const engine = names.includes('first-sync-postgres') ? 'postgres' : 'duckdb';
    const bench = await openSyncBench({ db, folder, engine, rows, say });
    const measured: BenchResult[] = [];
    // Whatever is asked for, the first sync fills the space that the others look at.
    measured.push(await bench.firstSync());
    if (names.includes('resync-unchanged')) measured.push(await bench.unchanged());
    if (names.includes('resync-1-percent')) measured.push(await bench.onePercent());
    if (names.includes('profile-api')) measured.push(await benchProfileApi(db, bench.space, rows, say));
    return measured.filter(({ name }) => names.includes(name));
  } finally {
    await db.close();
    await rm(folder, { recursive: true, force: true });
  }
}
