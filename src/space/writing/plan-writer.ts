/**
 * A writer that leaves no trace. In: the batches a sync would write. Out: what would become of them, summed up. It keeps
 * what the batches did in temporary tables of its own session and reads them over the real ones, so that a later batch
 * sees an earlier one; they vanish with the session. Nobody is kept waiting.
 */
import type { Database, Transaction } from '../../db/db.ts';
import { compileRules } from '../identity/rules.ts';
import type { SpaceWriter } from '../space.ts';
import { applyBatch, prepareBatch } from './batch.ts';
import { renderDelta, writeDelta } from './delta.ts';
import { loadWorkingSet, realTables, type SpaceTables } from './store.ts';

const planTables: SpaceTables = {
  identifiers: 'pg_temp.plan_identifiers',
  profiles: 'pg_temp.plan_profiles',
  links: 'pg_temp.plan_links',
  events: 'pg_temp.plan_events',
  log: 'pg_temp.plan_log',
  seen: 'pg_temp.plan_seen',
  subscriptions: 'pg_temp.plan_subscriptions',
};

export async function createPlanWriter({ db }: { readonly db: Database }): Promise<SpaceWriter> {
  const client = await db.session();
  try {
    await createTables(client);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  let turn: Promise<unknown> = Promise.resolve();
  return {
    write(space, batch, also) {
      const written = turn.then(async () => {
        const rules = compileRules(space.settings);
        const prepared = await prepareBatch(batch, rules);
        const workingSet = await loadWorkingSet(client, space.no, prepared, true, [realTables, planTables]);
        const delta = await applyBatch(prepared, workingSet, rules);
        await writeDelta(client, await renderDelta(space.no, { ...delta, events: [], log: [] }, planTables));
        const result = { outcomes: delta.outcomes, effects: delta.effects };
        await also?.(client, result);
        return result;
      });
      turn = written.catch(() => undefined);
      return written;
    },
    async [Symbol.asyncDispose]() {
      await turn;
      await client.end().catch(() => undefined);
    },
  };
}

const kept = ['identifiers', 'profiles', 'links', 'seen', 'subscriptions'] as const;

async function createTables(client: Transaction): Promise<void> {
  for (const name of kept) {
    await client.query(
      `CREATE TEMPORARY TABLE ${planTables[name].slice(8)} (LIKE ${realTables[name]} INCLUDING INDEXES)`,
    );
  }
}
