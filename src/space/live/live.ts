/**
 * The sending end of the live view. In: batches that were committed, and what became of their messages. Out:
 * notifications (NOTIFY) to those who watch the space, in whichever process they sit. Promised: whoever writes never waits
 * for it, and no error reaches them; while nobody watches it costs one short statement a second, and none while nothing
 * arrives; at most twenty arrivals of a space are sent in a second, and the others are counted; it uses one connection at
 * a time, and only one that nobody else needs.
 *
 * Who watches holds a shared advisory lock (`watch.ts`): Postgres lets go of it when their session ends, however it ends.
 */
import type { PoolClient } from 'pg';
import type { Log } from '../../base/log.ts';
import type { Database, Queryable } from '../../db/db.ts';
import { takeSpare } from '../../db/spare.ts';
import type { IncomingMessage, Outcome } from '../space.ts';
import { arrivalText, type Shown, shownOf, skippedText } from './arrivals.ts';

export interface LiveFeed extends AsyncDisposable {
  /** Shows a batch, after its commit. Returns at once; the order of outcomes is that of the messages. */
  show(spaceNo: number, messages: readonly IncomingMessage[], outcomes: readonly Outcome[]): void;
}

/** The first key of the watchers' locks; the second is the number of the space. */
export const watchersLock = 1_819_375_205;

export const channelOf = (spaceNo: number): string => `millrace_live_${spaceNo}`;

/** Arrivals of a space that one process sends in a round. */
export const mostPerRound = 20;
/** From the end of a round to the next. */
const restMs = 1_000;
/** Until it is looked again whether a connection is free. */
const noneFreeMs = 100;

/** What is to be shown of a space in the next round. */
interface Lane {
  readonly shown: Shown[];
  skipped: number;
}

type Lanes = Map<number, Lane>;

export function createLiveFeed({ db, log }: { readonly db: Database; readonly log: Log }): LiveFeed {
  return new Feed(db, log);
}

/** Sends in rounds: the first when something arrives, the next a second later if something arrived meanwhile. */
class Feed implements LiveFeed {
  private readonly db: Database;
  private readonly log: Log;
  private lanes: Lanes = new Map();
  private round: Promise<void> | null = null;
  private rest: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(db: Database, log: Log) {
    this.db = db;
    this.log = log;
  }

  show(spaceNo: number, messages: readonly IncomingMessage[], outcomes: readonly Outcome[]): void {
    if (this.isClosed) return;
    for (const shown of shownOf(messages, outcomes)) {
      const lane = this.laneOf(spaceNo);
      if (lane.shown.length < mostPerRound) lane.shown.push(shown);
      else lane.skipped += 1;
    }
    this.wake();
  }

  private laneOf(spaceNo: number): Lane {
    let lane = this.lanes.get(spaceNo);
    if (lane === undefined) {
      lane = { shown: [], skipped: 0 };
      this.lanes.set(spaceNo, lane);
    }
    return lane;
  }

  private wake(): void {
    if (this.isClosed || this.lanes.size === 0 || this.round !== null || this.rest !== null) return;
    this.round = this.send().then((waitMs) => {
      this.round = null;
      this.rest = setTimeout(() => {
        this.rest = null;
        this.wake();
      }, waitMs).unref();
    });
  }

  /** One round. Never rejects. Returns how long to rest. */
  private async send(): Promise<number> {
    const taking = takeSpare(this.db.pool);
    if (taking === null) return noneFreeMs;
    const lanes = this.lanes;
    this.lanes = new Map();
    let client: PoolClient | undefined;
    let fault: Error | undefined;
    try {
      client = await taking;
      await notify(client, lanes);
    } catch (err) {
      fault = err as Error;
      this.log.warn({ err }, 'the live view could not be sent');
    } finally {
      client?.release(fault);
    }
    return restMs;
  }

  /** What arrived last is still sent, if there is a connection for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    await this.round;
    if (this.rest !== null) clearTimeout(this.rest);
    this.rest = null;
    if (this.lanes.size > 0) await this.send();
  }
}

async function notify(client: Queryable, lanes: Lanes): Promise<void> {
  const watched = await watchedSpaces(client);
  const channels: string[] = [];
  const payloads: string[] = [];
  for (const spaceNo of watched) {
    const lane = lanes.get(spaceNo);
    if (lane === undefined) continue;
    const texts = lane.shown.map(arrivalText);
    if (lane.skipped > 0) texts.push(skippedText(lane.skipped));
    for (const text of texts) {
      channels.push(channelOf(spaceNo));
      // Of equal notifications of one transaction Postgres delivers one: the number tells them apart.
      payloads.push(`${payloads.length} ${text}`);
    }
  }
  if (payloads.length === 0) return;
  await client.query({
    name: 'live-notify',
    text: 'SELECT count(pg_notify(channel, payload)) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)',
    values: [channels, payloads],
  });
}

async function watchedSpaces(client: Queryable): Promise<readonly number[]> {
  const { rows } = await client.query<{ no: number }>({
    name: 'live-watched',
    text: `SELECT DISTINCT objid::bigint::integer AS no FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid::bigint = $1::bigint
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    values: [watchersLock],
  });
  return rows.map(({ no }) => no);
}
