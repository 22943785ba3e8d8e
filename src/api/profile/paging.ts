/**
 * The `cursor` member of every list. In: the request, the effective page size and the key of the following page. Out: its
 * JSON text. Promised: on the last page `next` and `url` are empty; before it, `url` is the absolute address of the next
 * page with everything the client asked for.
 */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { cursorUnknown, type Refusal } from './errors.ts';
import { rawPairs } from './query.ts';

/** One page of a list that is at hand whole. `following` is the key of the first item after it. */
export interface Cut<T> {
  readonly items: readonly T[];
  readonly following: string | null;
}

/**
 * Cuts the page that begins at the item with the key `from` (the first page when it is empty or absent) out of the items
 * that are `wanted`. A key that no item has is refused: going on anywhere else would leave items out without a word.
 */
export function cutPage<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  wanted: (item: T) => boolean,
  from: string | undefined,
  limit: number,
): Cut<T> | Refusal {
  const items: T[] = [];
  let reached = from === undefined || from === '';
  for (const item of all) {
    if (!reached && keyOf(item) !== from) continue;
    reached = true;
    if (!wanted(item)) continue;
    if (items.length === limit) return { items, following: keyOf(item) };
    items.push(item);
  }
  return reached ? { items, following: null } : cursorUnknown;
}

export function cursorText(request: FastifyRequest, limit: number, next: string | null): string {
  if (next === null) return `{"url":"","has_more":false,"next":"","limit":${limit}}`;
  const url = JSON.stringify(nextUrl(request, limit, next));
  return `{"url":${url},"has_more":true,"next":${JSON.stringify(next)},"limit":${limit}}`;
}

function nextUrl(request: FastifyRequest, limit: number, next: string): string {
  const url = request.originalUrl;
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const kept = rawPairs(url).filter((pair) => !/^(?:limit|next)(?:=|$)/.test(pair));
  const all = [...kept, `limit=${limit}`, `next=${encodeURIComponent(next)}`];
  return `${request.protocol}://${request.host}${path}?${all.join('&')}`;
}

export const cursorSchema = (limit: number) =>
  z
    .object({
      url: z.string().meta({ description: 'Absolute address of the next page; empty on the last.' }),
      has_more: z.boolean(),
      next: z.string().meta({ description: 'What to send as `next` for the next page; empty on the last.' }),
      limit: z.int().meta({ description: 'The page size that was used.' }),
    })
    .meta({ examples: [{ url: '', has_more: false, next: '', limit }] });
