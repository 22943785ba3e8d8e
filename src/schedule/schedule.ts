/**
 * When syncs run. In: requests of people and the schedules of mappings. Out: syncs, in whichever process has the time.
 * Promised: of one mapping one sync at a time; what was asked for is stored before it is confirmed, and goes on in another
 * process when the one that runs it dies.
 */
export { type MissedQuery, type MissedSchedule, missedSchedules } from './missed.ts';
export { listSchedules, type MappingSchedule, scheduleWords } from './overview.ts';
export {
  type ClaimedRequest,
  cancelRequest,
  listRequests,
  type NewRequest,
  requestSync,
  type SyncRequest,
} from './requests.ts';
export { type Outcome, type RunContext, runRequestOf } from './run.ts';
export { lookAtSchedules, type SchedulerOptions, startScheduler } from './scheduler.ts';
export { type Runner, type SyncWorkerOptions, startSyncWorker } from './worker.ts';
