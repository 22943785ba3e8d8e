/**
 * Keeping syncs out while their mapping is changed. A sync takes the lock of its mapping first and then looks whether the
 * mapping is still as it was read; so whoever holds that lock until the change is committed meets none, and lets none in. Those that were asked for and have not
 * begun end as cancelled, in the same transaction: whoever polls them sees it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../base/errors.ts';
import type { Transaction } from '../db/db.ts';
import { runningSync } from './history.ts';
import { takeUntilCommit } from './lease.ts';

interface Named {
  readonly mappingId: string;
  readonly mapping: string;
}

/** Holds the locks of these mappings until the transaction ends. Error `sync_running`, which names every one that runs. */
export async function excludeSyncs(tx: Transaction, mappings: readonly Named[]): Promise<void> {
  let busy = mappings;
  // Postgres takes a moment to notice that the session of a dead process is over.
  for (let attempt = 1; ; attempt++) {
    const held: (typeof busy)[number][] = [];
    for (const one of busy) if (!(await takeUntilCommit(tx, one.mappingId))) held.push(one);
    busy = held;
    if (held.length === 0) return cancelWaiting(tx, mappings);
    if (attempt === 5) throw await areRunning(tx, busy);
    await sleep(100);
  }
}

async function cancelWaiting(tx: Transaction, mappings: readonly Named[]): Promise<void> {
  const ids = mappings.map(({ mappingId }) => mappingId);
  await tx.query(
    `WITH waiting AS (
       INSERT INTO syncs (id, mapping_id, mapping, model, destination, model_id, source_id, state, code, reason,
                          started_at, finished_at)
       SELECT r.sync_id, p.id, p.name, m.name, d.name, m.id, m.source_id, 'cancelled', 'cancelled',
         'The mapping was removed or reset before this sync could begin.', r.requested_at, greatest(now(), r.requested_at)
       FROM sync_requests r JOIN mappings p ON p.id = r.mapping_id JOIN models m ON m.id = p.model_id
         JOIN destinations d ON d.id = p.destination_id
       WHERE r.mapping_id = ANY($1)
       ON CONFLICT (id) DO NOTHING RETURNING id
     )
     DELETE FROM sync_requests WHERE sync_id IN (SELECT id FROM waiting)`,
    [ids],
  );
}

async function areRunning(tx: Transaction, mappings: readonly Named[]): Promise<MillraceError> {
  const running: { readonly mapping: string; readonly id: string | null }[] = [];
  for (const { mappingId, mapping } of mappings) running.push({ mapping, id: await runningSync(tx, mappingId) });
  const names = running.map(({ mapping, id }) => (id === null ? mapping : `${mapping} (${id})`)).join(', ');
  const cancels = running.map(({ id }) => `millrace sync cancel ${id ?? 'ID'}`).join(', ');
  return new MillraceError(
    'sync_running',
    running.length === 1 ? `A sync of ${names} is running.` : `Syncs of these mappings are running: ${names}.`,
    { help: `Wait for the end, or cancel it: ${cancels}. Nothing was changed.` },
  );
}
