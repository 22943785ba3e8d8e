/** Regulations in words. */

import { count, counted } from '../base/count.ts';
import { deletes, type Regulation, type RegulationType, suppresses } from '../privacy/privacy.ts';
import { facts, paragraphs, printable, table, time } from './text.ts';

/** What a type does, in a sentence or two. */
export function effectText(type: RegulationType): string {
  if (type === 'UNSUPPRESS') return 'Messages of these people are taken again.';
  const deleting =
    'everything that this database holds of these people is deleted, whole profiles with all their events';
  const refusing = 'messages of these people are refused from now on';
  if (!deletes(type)) return `${refusing}.`;
  return suppresses(type) ? `${deleting}; ${refusing}.` : `${deleting}; what they send afterwards is taken.`;
}

export function regulationText(regulation: Regulation): string {
  const { id, type, subjects, sourceId, status, createdAt, finishedAt, detail } = regulation;
  const head = facts([
    ['regulation', id],
    ['type', type],
    ['user ids', count(subjects)],
    ['source', sourceId ?? 'all'],
    ['status', status],
    ['created', time(createdAt)],
    ['finished', finishedAt === null ? 'not yet' : time(finishedAt)],
  ]);
  return paragraphs(head, deletedText(regulation), untoldText(detail.destinations ?? []), endText(regulation));
}

function deletedText({ detail }: Regulation): string {
  if (detail.spaces === undefined) return '';
  const titles = ['profiles', 'events', 'links', 'subscriptions', 'log entries'];
  const spaces = table(
    [{ title: 'deleted in' }, ...titles.map((title) => ({ title, align: 'right' as const }))],
    detail.spaces.map((space) => [
      space.name,
      ...[space.profiles, space.events, space.links, space.subscriptions, space.logEntries].map(count),
    ]),
  );
  const rows = counted(detail.syncRows ?? 0, 'row');
  const syncs = `In sync histories: ${rows}, and the failures of ${count(detail.failingRows ?? 0)} that were to be tried again.`;
  return paragraphs(detail.spaces.length === 0 ? 'There is no space.' : spaces, syncs);
}

function untoldText(destinations: NonNullable<Regulation['detail']['destinations']>): string {
  if (destinations.length === 0) return '';
  const names = destinations.map(({ name }) => printable(name)).join(', ');
  return `Not told, as this version cannot: ${names}. Delete these people there yourself.`;
}

function endText({ id, type, status, detail }: Regulation): string {
  const again = `millrace start tries by itself. Look again: millrace regulation show ${id}`;
  switch (status) {
    case 'FINISHED':
      return deletes(type)
        ? 'Warehouses were not touched: rows that are there are sent again when they change.'
        : effectText(type);
    case 'FAILED':
      return `It failed: ${printable(detail.reason ?? '')} It is not given up: ${again}`;
    case 'RUNNING':
      return `It is being carried out. ${again}`;
    case 'INITIALIZED':
      return type === 'UNSUPPRESS'
        ? `It takes effect when an earlier deletion of the same people is finished. ${again}`
        : `It has not begun. ${again}`;
    default:
      return status satisfies never;
  }
}
