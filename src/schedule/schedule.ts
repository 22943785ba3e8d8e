/**
 * When syncs run. In: requests of people and the schedules of mappings. Out: syncs, in whichever process has the time.
 * Promised: of one mapping one sync at a time; what was asked for is stored before it is confirmed.
 */
export { listRequests, type NewRequest, requestSync, type SyncRequest, withdrawRequest } from './requests.ts';
