// One sync in a process of its own, for the crash drill to kill. In: the path of a JSON file. Out: a line for each step of
// its progress, the number of changes that are settled so far.
import { readFile } from 'node:fs/promises';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import { openDatabase } from '../src/db/db.ts';
import { createSpaceWriter } from '../src/space/space.ts';
import { runSync } from '../src/sync/sync.ts';
import { openWarehouse } from '../src/warehouse/warehouse.ts';
import type { ResolvedMapping } from '../src/workspace/workspace.ts';

interface Task {
  readonly url: string;
  readonly job: ResolvedMapping;
  /** The sync to replay. */
  readonly replayOf?: string;
}

const { url, job, replayOf } = JSON.parse(await readFile(process.argv[2] as string, 'utf8')) as Task;
const log = createLog({ level: 'fatal' });
await using db = await openDatabase({ url, dataFolder: '.', log });
await using writer = createSpaceWriter({ db });
await runSync(
  {
    db,
    log,
    clock: systemClock,
    writer,
    openWarehouse: (source) => openWarehouse(source.engine, source.settings, { stateSchema: 'millrace' }),
    settings: { batchSize: 1_000, lumpSize: 5_000 },
  },
  job,
  {
    onProgress: ({ settled }) => process.stdout.write(`${settled}\n`),
    ...(replayOf !== undefined && { replayOf }),
  },
);
