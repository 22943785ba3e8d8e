/** The names that the usage reports have in the Public API. */
import type { Clock } from '../base/clock.ts';
import type { Queryable } from '../db/db.ts';
import {
  apiCallsDaily,
  type DailyApiCalls,
  type DailyExempt,
  type DailyMtu,
  exemptDaily,
  mtuDaily,
} from './usage-reports.ts';

export interface UsageReport {
  /** Below the root of the API; the query names the month: `?period=2025-05-01`. */
  readonly path: string;
  /** The member of `data` that holds the rows. */
  readonly key: string;
  /** The vendor has no such report. */
  readonly isOurs?: true;
  read(db: Queryable, period: string, clock?: Clock): Promise<readonly (DailyApiCalls | DailyMtu | DailyExempt)[]>;
}

export const usageReports: readonly UsageReport[] = [
  {
    path: '/usage/api-calls/daily',
    key: 'dailyWorkspaceAPICallsUsage',
    read: (db, period, clock) => apiCallsDaily(db, period, false, clock),
  },
  {
    path: '/usage/api-calls/sources/daily',
    key: 'dailyPerSourceAPICallsUsage',
    read: (db, period, clock) => apiCallsDaily(db, period, true, clock),
  },
  {
    path: '/usage/mtu/daily',
    key: 'dailyWorkspaceMTUUsage',
    read: (db, period, clock) => mtuDaily(db, period, false, clock),
  },
  {
    path: '/usage/mtu/sources/daily',
    key: 'dailyPerSourceMTUUsage',
    read: (db, period, clock) => mtuDaily(db, period, true, clock),
  },
  {
    path: '/usage/exempt/daily',
    key: 'dailyWorkspaceExemptUsage',
    isOurs: true,
    read: (db, period, clock) => exemptDaily(db, period, false, clock),
  },
  {
    path: '/usage/exempt/sources/daily',
    key: 'dailyPerSourceExemptUsage',
    isOurs: true,
    read: (db, period, clock) => exemptDaily(db, period, true, clock),
  },
];
