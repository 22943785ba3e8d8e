/**
 * A sync without its last step: what it would do, counted, while no state moves anywhere. It takes the same stages; the
 * space is written in a session's temporary tables only.
 */
import { compare, type InvalidRow } from '../diff/diff.ts';
import { createPlanWriter, type Effects } from '../space/space.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';
import { isSkippingBackfill } from './backfill.ts';
import { decideChanges } from './changes.ts';
import { isLocal, planEndpoint } from './endpoints.ts';
import { anyFailing, findFailing } from './failures.ts';
import { type Guard, guardOf } from './guard.ts';
import { overlayLeftovers } from './leftovers.ts';
import { deliverAll } from './loading.ts';
import { memoryOf } from './memory.ts';
import { readLeftovers } from './receipts.ts';
import { addEffects, changesOf, noEffects, type OnProgress, type SyncCounts } from './records.ts';
import { compileJob } from './rules.ts';
import { type SyncContext, settingsOf } from './runner.ts';
import type { ListedRow } from './settling.ts';
import { createTally } from './tally.ts';

export interface SyncPlan {
  /** As a sync would count; `delivered` is what it would deliver. */
  readonly counts: SyncCounts;
  /** On profiles; null when they are on another server. */
  readonly effects: Effects | null;
  /** Null when the mapping has no guard, or on its first sync. */
  readonly guard: Guard | null;
  /** The first sync of a mapping that skips the backfill: everything would be recorded, nothing sent. */
  readonly sendsNothing: boolean;
  /** The first of each; the counts tell how many there are. */
  readonly invalidRows: readonly InvalidRow[];
  readonly failedRows: readonly ListedRow[];
  readonly warnings: readonly string[];
  readonly seconds: number;
}

export interface PlanOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Rows that are listed of each kind; default 100. */
  readonly rowsListed?: number;
}

export async function planSync(
  context: SyncContext,
  job: ResolvedMapping,
  options: PlanOptions = {},
): Promise<SyncPlan> {
  const { db, clock } = context;
  const { rowsListed = 100, signal = new AbortController().signal } = options;
  const settings = settingsOf(context);
  const started = clock.now().getTime();
  const tally = createTally(clock, options.onProgress);
  const memory = memoryOf(job.mapping);
  const compiled = compileJob(job, settings);
  await using writer = await createPlanWriter({ db });
  let effects = noEffects;
  await using endpoint = planEndpoint(context, job, writer, async (more) => {
    effects = addEffects(effects, more);
  });
  await using warehouse = await context.openWarehouse(job.source);
  const leftovers = await readLeftovers(db.pool, memory);
  const fresh = leftovers.size === 0 && !(await warehouse.hasState(memory.table));
  const { columns } = compiled;
  const limits = settings.modelLimits;
  const compared = await compare(warehouse, job.model, { table: memory.table, columns, limits, signal });
  await using comparison = overlayLeftovers(compared, leftovers);
  tally.compared(comparison.counts);

  const sendsNothing = await isSkippingBackfill(db.pool, job.mapping, fresh);
  const failedRows: ListedRow[] = [];
  if (changesOf(comparison.counts) > 0) {
    const someFailing = await anyFailing(db.pool, memory);
    const decided = decideChanges(comparison, compiled, {
      sendNothing: sendsNothing,
      findFailing: someFailing ? (changes) => findFailing(db.pool, memory, changes, clock.now(), settings) : null,
      select: null,
      onNotFinite: tally.notFinite,
      onMembersLost: tally.membersLost,
      settings,
      signal,
    });
    const settled = deliverAll(decided, {
      endpoint,
      origin: { mappingId: job.mapping.id, syncId: 'plan' },
      record: async () => undefined,
      inFlight: settings.inFlight,
      grace: settings.grace,
      signal,
    });
    for await (const batch of settled) {
      tally.settled(batch.counts);
      failedRows.push(...batch.rows.slice(0, rowsListed - failedRows.length));
    }
    tally.compared(comparison.counts);
  }
  return {
    counts: tally.counts,
    effects: isLocal(job) ? effects : null,
    guard: guardOf(job.mapping, comparison.counts),
    sendsNothing,
    invalidRows: await comparison.invalidRows(rowsListed),
    failedRows,
    warnings: tally.warnings(),
    seconds: (clock.now().getTime() - started) / 1000,
  };
}
