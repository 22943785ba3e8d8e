/** The words of notices: what happened, why, and what to do. Pure. */
import { counted } from '../base/count.ts';
import type { DeliveryTotals, Sync } from '../sync/sync.ts';
import type { MappingPlace } from '../workspace/workspace.ts';
import type { MissedSchedule } from './alerts.ts';
import type { NoticeContent } from './notices.ts';

/** Pages of the web app. */
const mappingPath = ({ id, destinationId }: MappingPlace) => `/destinations/${destinationId}/mappings/${id}`;
const syncPath = (id: string, place: MappingPlace) => `${mappingPath(place)}/syncs/${id}`;
/** When the mapping is gone, and the pages of its syncs with it. */
const goneAt = '/destinations';

/** @param place undefined: its mapping is gone */
export function syncFailed(sync: Sync, place: MappingPlace | undefined): NoticeContent {
  return {
    what: `A sync of ${sync.mapping} failed.`,
    why: sentence(sync.reason ?? 'No reason was recorded.'),
    help: sentence(sync.help ?? `See what happened: millrace sync show ${sync.id}`),
    ...aboutSync(sync, place),
  };
}

export function syncPartlyFailed(sync: Sync, place: MappingPlace | undefined): NoticeContent {
  const { refused, givenUp, remaining } = sync.counts;
  const away = sync.code === 'endpoint_away' && remaining > 0;
  const parts = [
    away ? `${rows(remaining)} still to do` : '',
    refused > 0 ? `${rows(refused)} refused` : '',
    givenUp > 0 ? `${rows(givenUp)} given up` : '',
  ];
  return {
    what: `A sync of ${sync.mapping} ended with rows that were not delivered: ${parts.filter((part) => part !== '').join(', ')}.`,
    why: sentence(sync.reason ?? 'Each row has a reason of its own.'),
    help: `The reason of each row is in its history: millrace sync show ${sync.id}. Refused rows are tried again in the next sync.`,
    ...aboutSync(sync, place),
  };
}

export function syncWentWell(
  sync: Sync,
  before: 'sync_failed' | 'sync_partly_failed',
  place: MappingPlace | undefined,
): NoticeContent {
  const was = before === 'sync_failed' ? 'failed' : 'failed in part';
  return {
    what: `Syncs of ${sync.mapping} work again.`,
    why: `The sync before ${was}; this one ${sync.state === 'succeeded' ? 'succeeded' : 'was carried out'}.`,
    help: 'Nothing is to be done.',
    ...aboutSync(sync, place),
  };
}

export function rateLow(mapping: MappingPlace, totals: DeliveryTotals, threshold: number): NoticeContent {
  return {
    what: `Only ${percent(rateOf(totals))} of the rows of ${mapping.name} were delivered in the last 24 hours.`,
    why: `${rows(totals.refused)} refused, ${rows(totals.delivered)} delivered; the alert is set to ${threshold} %.`,
    help: `See which syncs refused rows, and why: millrace sync list ${mapping.name}`,
    ...aboutRate(mapping, totals),
  };
}

export function rateFine(mapping: MappingPlace, totals: DeliveryTotals, threshold: number): NoticeContent {
  return {
    what: `The delivery rate of ${mapping.name} is ${percent(rateOf(totals))} again.`,
    why: `In the last 24 hours ${rows(totals.refused)} refused, ${rows(totals.delivered)} delivered; the alert is set to ${threshold} %.`,
    help: 'Nothing is to be done.',
    ...aboutRate(mapping, totals),
  };
}

export function scheduleMissed(mapping: MappingPlace, { dueAt, reason }: MissedSchedule): NoticeContent {
  return {
    what: `The sync of ${mapping.name} that was due at ${dueAt.toISOString()} did not start.`,
    why: sentence(reason),
    help: `Remove the reason, or start one by hand: millrace sync run ${mapping.name}`,
    ...aboutMapping(mapping),
  };
}

export function scheduleKept(mapping: MappingPlace): NoticeContent {
  return {
    what: `Syncs of ${mapping.name} start on schedule again.`,
    why: 'The run that was missed is no longer due.',
    help: 'Nothing is to be done.',
    ...aboutMapping(mapping),
  };
}

export function testNotice(alert: string): NoticeContent {
  return {
    what: `This is a test of the alert ${alert}.`,
    why: 'Somebody asked for it: millrace alert test.',
    help: 'Nothing is to be done.',
    path: '/',
    syncId: null,
    counts: null,
  };
}

/** Share of the rows that were tried, 0 to 100. */
export function rateOf({ delivered, refused }: DeliveryTotals): number {
  return (100 * delivered) / (delivered + refused);
}

function aboutSync(
  { id, counts }: Sync,
  place: MappingPlace | undefined,
): Pick<NoticeContent, 'path' | 'syncId' | 'counts'> {
  const { added, updated, deleted, delivered, refused, invalid, givenUp, remaining } = counts;
  return {
    path: place === undefined ? goneAt : syncPath(id, place),
    syncId: id,
    counts: { added, updated, deleted, delivered, refused, invalid, givenUp, remaining },
  };
}

function aboutRate(mapping: MappingPlace, { delivered, refused }: DeliveryTotals) {
  return { path: mappingPath(mapping), syncId: null, counts: { delivered, refused } };
}

function aboutMapping(mapping: MappingPlace) {
  return { path: mappingPath(mapping), syncId: null, counts: null };
}

const rows = (value: number) => counted(value, 'row');

/** Never rounded up to 100 while a row is missing. */
const percent = (value: number) => `${(Math.floor(value * 10) / 10).toFixed(1)} %`;

/** Begins with a capital and ends with a mark. */
function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
