/**
 * Pages of the Public API. In: `pagination.count` and `pagination.cursor` of a query. Out: a page and where it stands.
 * Cursors are opaque; `MA==`, with which some clients begin, is the first page of every list. `next` is left out on the
 * last page: clients go on while it is there.
 */
import { type InputFault, inputInvalid, type PublicRefusal } from './errors.ts';
import type { Query } from './query.ts';
import type { PublicAnswer } from './route.ts';

export const firstCursor = 'MA==';
const usualCount = 200;
const maxCount = 1_000;

export interface PageWanted {
  readonly count: number;
  /** As it was given, or that of the first page. */
  readonly cursor: string;
}

export interface PaginationOutput {
  readonly current: string;
  readonly next?: string;
  readonly totalEntries?: number;
}

/** Adds what is wrong with the count to `faults`; cursors are read by the lists. */
export function readPagination(query: Query, faults: InputFault[]): PageWanted {
  // An object that could be read is not a text.
  if ((query.text('pagination') ?? '') !== '') {
    const message = '"pagination" must be an object with count and cursor, e.g. {"count":10}';
    faults.push({ field: 'pagination', message });
  }
  const given = query.text('pagination.count');
  const count = given === undefined ? usualCount : /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (!(count >= 1 && count <= maxCount)) {
    const message = `"pagination.count" must be a whole number from 1 to ${maxCount}`;
    faults.push({ field: 'pagination.count', message });
  }
  const cursor = query.text('pagination.cursor');
  return { count, cursor: cursor === undefined || cursor === '' ? firstCursor : cursor };
}

/** The place in a list that is read as a whole: base64 of the number of rows before it. Null when it is none. */
export function offsetOf(cursor: string): number | null {
  const text = Buffer.from(cursor, 'base64').toString('latin1');
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** A page of rows that are there as a whole; past their end it is empty. */
export function cutRows<Row>(
  rows: readonly Row[],
  wanted: PageWanted,
  offset: number,
): { readonly items: readonly Row[]; readonly pagination: PaginationOutput } {
  return { items: rows.slice(offset, offset + wanted.count), pagination: pageAt(wanted, offset, rows.length) };
}

/** Where a page of rows stands that were read from `offset` on, of so many in all. */
export function pageAt({ count, cursor }: PageWanted, offset: number, total: number): PaginationOutput {
  const end = offset + count;
  const next = end < total ? { next: Buffer.from(String(end)).toString('base64') } : {};
  return { current: cursor, ...next, totalEntries: total };
}

/** The page a query wants of rows that are there as a whole, under the key of the list; 422 when it cannot be read. */
export function listPage(key: string, rows: readonly object[], query: Query): PublicAnswer | PublicRefusal {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const offset = offsetOf(wanted.cursor);
  if (offset === null) {
    faults.push({ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' });
  }
  if (faults.length > 0 || offset === null) return inputInvalid(faults);
  const { items, pagination } = cutRows(rows, wanted, offset);
  return { data: { [key]: items, pagination } };
}

/** The cursor as a list that gives cursors of its own takes it. */
export function listCursor({ cursor }: PageWanted): string | undefined {
  return cursor === firstCursor ? undefined : cursor;
}

/** Where a page of such a list stands. */
export function paginationOf({ cursor }: PageWanted, next: string | null): PaginationOutput {
  return { current: cursor, ...(next === null ? {} : { next }) };
}
