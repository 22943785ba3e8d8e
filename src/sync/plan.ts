/**
 * A sync without its last step: what it would do, counted, while no state moves anywhere. It takes the same stages; the
 * space is written in a session's temporary tables only.
 */
import { type Change, compare, type InvalidRow } from '../diff/diff.ts';
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
import { addEffects, changesOf, noEffects, type OnProgress, type Sync, type SyncCounts } from './records.ts';
import { checkReplay, notReplayed, replayedSync } from './replay.ts';
import { givingNoneUp } from './retry.ts';
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
  /** The sync that would be replayed, and what of it would not be sent; null of a usual sync. */
  readonly replay: Sync['replay'];
  /** The first of each; the counts tell how many there are. */
  readonly invalidRows: readonly InvalidRow[];
  readonly failedRows: readonly ListedRow[];
  readonly warnings: readonly string[];
  readonly seconds: number;
}

export interface PlanOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Plans the replay of this sync. Errors: `sync_not_found`, `sync_replay_unknown`. */
  readonly replayOf?: string;
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
  const replay = options.replayOf === undefined ? null : await checkReplay(db.pool, job.mapping, options.replayOf);
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
  const compared = await compare(warehouse, job.model, {
    ...{ table: memory.table, columns, limits, signal },
    ...(replay !== null && { replay: replayedSync(replay, compiled.trigger) }),
  });
  await using comparison = replay === null ? overlayLeftovers(compared, leftovers) : compared;
  tally.compared(comparison.counts);

  const sendsNothing = replay === null && (await isSkippingBackfill(db.pool, job.mapping, fresh));
  const failedRows: ListedRow[] = [];
  if (changesOf(comparison.counts) > 0) {
    const someFailing = await anyFailing(db.pool, memory);
    const failingAmong = async (changes: readonly Change[]) => {
      const failing = await findFailing(db.pool, memory, changes, clock.now(), settings);
      return replay === null ? failing : givingNoneUp(failing);
    };
    const decided = decideChanges(comparison, compiled, {
      sendNothing: sendsNothing,
      findFailing: someFailing ? failingAmong : null,
      select: null,
      onNotFinite: tally.notFinite,
      onMembersLost: tally.membersLost,
      settings,
      signal,
    });
    const settled = deliverAll(decided, {
      endpoint,
      origin: { mappingId: job.mapping.id, syncId: 'plan' },
      marking: { syncNo: null, replays: replay !== null },
      record: async () => undefined,
      inFlight: settings.inFlight,
      grace: settings.grace,
      signal,
    });
    for await (const batch of settled) {
      tally.settled(batch);
      failedRows.push(...batch.rows.slice(0, rowsListed - failedRows.length));
    }
    tally.compared(comparison.counts);
  }
  return {
    counts: tally.counts,
    effects: isLocal(job) ? effects : null,
    guard: replay === null ? guardOf(job.mapping, comparison.counts) : null,
    sendsNothing,
    replay: replay === null ? null : { syncId: replay.syncId, ...notReplayed(replay, comparison, 0) },
    invalidRows: await comparison.invalidRows(rowsListed),
    failedRows,
    warnings: [...(replay === null ? [] : unsettled(leftovers.size)), ...tally.warnings()],
    seconds: (clock.now().getTime() - started) / 1000,
  };
}

/** Which of these rows a replay would send is in the warehouse once the next sync has begun. */
function unsettled(rows: number): readonly string[] {
  if (rows === 0) return [];
  return [
    `A sync that was killed delivered ${rows} rows that the warehouse does not know yet; the replay may send as many more or fewer.`,
  ];
}
