/** Regulations run in a process of its own, to be killed. In: the URL of a database in TEST_DATABASE. */
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import { openDatabase } from '../src/db/db.ts';
import { runRegulations } from '../src/privacy/privacy.ts';

const log = createLog({ level: 'fatal' });
await using db = await openDatabase({ url: process.env.TEST_DATABASE, dataFolder: '.', log });
await runRegulations({ db, log, clock: systemClock });
