/**
 * Finds what is wrong and what is over. Promised: one process at a time looks; what it finds is stored together with the
 * ends it took note of, so that after a crash the next one finds the same.
 */
import type { Transaction } from '../db/db.ts';
import { type DeliveryTotals, deliveryTotals, endDeadSyncs, type Sync, takeEnded } from '../sync/sync.ts';
import { type Alert, type AlertEvent, listAlerts, type MappingPlace, mappingPlaces } from '../workspace/workspace.ts';
import type { AlertContext, MissedSchedule } from './alerts.ts';
import { type NoticeContent, storeNotice } from './notices.ts';
import * as wording from './wording.ts';

const dayMs = 86_400_000;
const endsAtOnce = 500;
/** Separates this lock from others in the same database. */
const checkLock = 7_283_462;

interface MappingRef {
  readonly id: string;
  readonly name: string;
}

/** What one look says of one alert, event and mapping: `wrong` opens it, `fine` resolves it, null leaves it as it is. */
type Finding = { readonly state: 'wrong' | 'fine'; readonly content: NoticeContent } | null;

interface Look {
  readonly tx: Transaction;
  readonly now: Date;
  readonly alerts: readonly Alert[];
  readonly mappings: ReadonlyMap<string, MappingPlace>;
  /** Keys of what is open. */
  readonly open: Set<string>;
}

/** Returns how many notices were stored. Errors: `secret_…`. */
export async function checkAlerts(context: AlertContext): Promise<number> {
  const { db, clock } = context;
  await endDeadSyncs(db.pool, clock.now());
  const missed = await knownMissed(context);
  let stored = 0;
  for (let more = true; more; ) {
    const found = await db.transaction((tx) => lookOnce(context, tx, missed));
    stored += found.notices;
    more = found.ends === endsAtOnce;
  }
  return stored;
}

/** Null when it cannot be said now: then what is open stays open. */
async function knownMissed({ db, log, missedSchedules }: AlertContext): Promise<readonly MissedSchedule[] | null> {
  if (missedSchedules === undefined) return null;
  try {
    return await missedSchedules(db.pool);
  } catch (error) {
    log.error({ err: error }, 'missed schedules cannot be read now');
    return null;
  }
}

async function lookOnce(
  { clock, secrets }: AlertContext,
  tx: Transaction,
  missed: readonly MissedSchedule[] | null,
): Promise<{ readonly notices: number; readonly ends: number }> {
  // What the process before stored must be seen, whatever the server's default is.
  await tx.query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
  const { rows } = await tx.query<{ taken: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS taken', [checkLock]);
  if (rows[0]?.taken !== true) return { notices: 0, ends: 0 };
  const alerts = (await listAlerts({ db: tx, secrets })).filter(({ enabled }) => enabled);
  const mappings = await mappingPlaces(tx);
  const open = await forgetMoot(tx, alerts, mappings);
  const look: Look = { tx, now: clock.now(), alerts, mappings, open };
  const ends = await takeEnded(tx, endsAtOnce);
  let notices = 0;
  for (const sync of ends) notices += await lookAtEnd(look, sync);
  notices += await lookAtRates(look);
  if (missed !== null) notices += await lookAtSchedules(look, missed);
  return { notices, ends: ends.length };
}

/* ---- what there is to look at ---- */

async function lookAtEnd(look: Look, sync: Sync): Promise<number> {
  const mapping = { id: sync.mappingId, name: sync.mapping };
  const place = look.mappings.get(sync.mappingId);
  let notices = 0;
  for (const event of ['sync_failed', 'sync_partly_failed'] as const) {
    for (const alert of alertsOn(look, event, mapping.id)) {
      notices += await settle(look, alert, event, mapping, findingOfEnd(event, sync, place));
    }
  }
  return notices;
}

/** A cancelled sync says nothing about whether the next one works. */
function findingOfEnd(
  event: 'sync_failed' | 'sync_partly_failed',
  sync: Sync,
  place: MappingPlace | undefined,
): Finding {
  if (sync.state === 'cancelled') return null;
  const failed = sync.state === 'failed';
  const partly = sync.counts.refused > 0 || sync.counts.givenUp > 0 || sync.code === 'endpoint_away';
  const fine = (): Finding => ({ state: 'fine', content: wording.syncWentWell(sync, event, place) });
  // Nothing was tried but what is given up: whether it would go through now is not known.
  if (event === 'sync_failed' && !failed && sync.counts.givenUp > 0 && sync.counts.delivered === 0) return null;
  if (event === 'sync_failed') return failed ? { state: 'wrong', content: wording.syncFailed(sync, place) } : fine();
  if (failed) return null;
  return partly ? { state: 'wrong', content: wording.syncPartlyFailed(sync, place) } : fine();
}

async function lookAtRates(look: Look): Promise<number> {
  if (!look.alerts.some(({ on }) => on.includes('delivery_rate'))) return 0;
  let notices = 0;
  for (const totals of await deliveryTotals(look.tx, new Date(look.now.getTime() - dayMs))) {
    const mapping = look.mappings.get(totals.mappingId);
    if (mapping === undefined) continue;
    for (const alert of alertsOn(look, 'delivery_rate', mapping.id)) {
      notices += await settle(look, alert, 'delivery_rate', mapping, findingOfRate(mapping, totals, alert));
    }
  }
  return notices;
}

function findingOfRate(mapping: MappingPlace, totals: DeliveryTotals, { thresholdPercent }: Alert): Finding {
  if (thresholdPercent === null) return null;
  return wording.rateOf(totals) < thresholdPercent
    ? { state: 'wrong', content: wording.rateLow(mapping, totals, thresholdPercent) }
    : { state: 'fine', content: wording.rateFine(mapping, totals, thresholdPercent) };
}

async function lookAtSchedules(look: Look, missed: readonly MissedSchedule[]): Promise<number> {
  const byMapping = new Map(missed.map((one) => [one.mappingId, one]));
  let notices = 0;
  for (const [id, mapping] of look.mappings) {
    const one = byMapping.get(id);
    const finding: Finding =
      one === undefined
        ? { state: 'fine', content: wording.scheduleKept(mapping) }
        : { state: 'wrong', content: wording.scheduleMissed(mapping, one) };
    for (const alert of alertsOn(look, 'schedule_missed', id)) {
      notices += await settle(look, alert, 'schedule_missed', mapping, finding);
    }
  }
  return notices;
}

function alertsOn({ alerts }: Look, event: AlertEvent, mappingId: string): readonly Alert[] {
  return alerts.filter((alert) => alert.on.includes(event) && covers(alert, mappingId));
}

function covers({ mappingIds }: Alert, mappingId: string): boolean {
  return mappingIds === null || mappingIds.includes(mappingId);
}

/* ---- open and resolved ---- */

/** What stays as it was is not said again. */
async function settle(
  { tx, now, open }: Look,
  alert: Alert,
  event: AlertEvent,
  mapping: MappingRef,
  finding: Finding,
): Promise<number> {
  const key = keyOf(alert.id, mapping.id, event);
  if (finding === null || open.has(key) === (finding.state === 'wrong')) return 0;
  const { state, content } = finding;
  if (state === 'wrong') {
    open.add(key);
    await tx.query('INSERT INTO open_alerts (alert_id, mapping_id, event, opened_at) VALUES ($1, $2, $3, $4)', [
      alert.id,
      mapping.id,
      event,
      now,
    ]);
  } else {
    open.delete(key);
    await tx.query('DELETE FROM open_alerts WHERE alert_id = $1 AND mapping_id = $2 AND event = $3', [
      alert.id,
      mapping.id,
      event,
    ]);
  }
  await storeNotice(tx, { ...content, alert, mapping, event, phase: state === 'wrong' ? 'opened' : 'resolved' }, now);
  return 1;
}

const keyOf = (alertId: string, mappingId: string, event: string) => `${alertId} ${mappingId} ${event}`;

/** Drops what no rule asks about any more, without a word; returns the keys of the rest. */
async function forgetMoot(
  tx: Transaction,
  alerts: readonly Alert[],
  mappings: ReadonlyMap<string, MappingPlace>,
): Promise<Set<string>> {
  const { rows } = await tx.query<{ alert_id: string; mapping_id: string; event: AlertEvent }>(
    'SELECT alert_id, mapping_id, event FROM open_alerts',
  );
  const byId = new Map(alerts.map((alert) => [alert.id, alert]));
  const isMoot = (row: (typeof rows)[number]) => {
    const alert = byId.get(row.alert_id);
    if (alert === undefined || !mappings.has(row.mapping_id)) return true;
    return !alert.on.includes(row.event) || !covers(alert, row.mapping_id);
  };
  const moot = rows.filter(isMoot);
  if (moot.length > 0) {
    await tx.query(
      `DELETE FROM open_alerts o USING unnest($1::text[], $2::text[], $3::text[]) AS t (alert_id, mapping_id, event)
       WHERE o.alert_id = t.alert_id AND o.mapping_id = t.mapping_id AND o.event = t.event`,
      [moot.map((row) => row.alert_id), moot.map((row) => row.mapping_id), moot.map((row) => row.event)],
    );
  }
  return new Set(
    rows.filter((row) => !moot.includes(row)).map((row) => keyOf(row.alert_id, row.mapping_id, row.event)),
  );
}
