/** The checks of the doctor that look at Postgres and what is kept in it. */
import path from 'node:path';
import { counted } from '../base/count.ts';
import { readWorkspace } from '../workspace/workspace.ts';
import type { Check } from './doctor-checks.ts';
import { duration, time } from './text.ts';

/** Beyond it, syncs of several machines would disagree about what is newer. */
const mostClockSeconds = 5;

export const databaseChecks: readonly Check[] = [
  {
    name: 'postgres',
    needs: ['configuration'],
    async look(context) {
      const { describe, serverVersion } = await context.database();
      const { databaseUrl, dataFolder } = context.config;
      const how =
        databaseUrl === undefined ? `embedded, in ${path.resolve(dataFolder)}` : 'your own, from the database URL';
      return { message: `version ${serverVersion} at ${describe}; ${how}` };
    },
  },
  {
    name: 'schema',
    needs: ['postgres'],
    async look(context) {
      const { pool } = await context.database();
      const { rows } = await pool.query<{ no: number; name: string; at: Date }>(
        'SELECT no, name, applied_at AS at FROM millrace_migrations ORDER BY no DESC LIMIT 1',
      );
      const newest = rows[0];
      if (newest === undefined) return { message: 'empty' };
      return { message: `version ${newest.no} (${newest.name}), since ${time(newest.at)}` };
    },
  },
  {
    name: 'clock',
    needs: ['postgres'],
    async look(context) {
      const { pool } = await context.database();
      const before = context.clock.now().getTime();
      const { rows } = await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
      const after = context.clock.now().getTime();
      const now = rows[0]?.now.getTime() ?? after;
      // While the question travelled, the clocks went on.
      const seconds = Math.max(0, before - now, now - after) / 1000;
      const message = `${time(new Date(after))}; ${seconds < 1 ? 'as' : `${duration(seconds)} apart from`} that of Postgres`;
      if (seconds <= mostClockSeconds) return { message };
      return { message, status: 'problem', help: 'Let both machines keep the time by NTP.' };
    },
  },
  {
    name: 'secrets',
    needs: ['postgres'],
    async look(context) {
      const store = await context.store();
      const { sources, models, destinations, mappings, spaces, eventStreams } = await readWorkspace(store);
      const contents = [
        counted(spaces.length, 'space'),
        counted(eventStreams.length, 'event stream'),
        counted(sources.length, 'source'),
        counted(models.length, 'model'),
        counted(destinations.length, 'destination'),
        counted(mappings.length, 'mapping'),
      ].join(', ');
      return { message: `can be read with the key from ${store.secrets.origin}; ${contents}` };
    },
  },
];
