/**
 * The query parameters that several routes share, as zod schemas: they check, and they become the OpenAPI document.
 * A value over a maximum counts as the maximum; it is not refused.
 */
import { z } from 'zod';

export interface PageSize {
  readonly default: number;
  readonly maximum: number;
}

const isPositiveInteger = (value: unknown): value is string =>
  typeof value === 'string' && /^0*[1-9][0-9]*$/.test(value);

export function limitParameter(size: PageSize, note = '') {
  return z
    .custom<string>(isPositiveInteger, { error: 'The parameter `limit` must be an integer of at least 1.' })
    .optional()
    .meta({
      type: 'integer',
      minimum: 1,
      default: size.default,
      description: `How many items a page has. Default ${size.default}; anything above ${size.maximum} counts as ${size.maximum}.${note}`,
    });
}

/** The page size to use for what the client asked. */
export function pageSize(asked: string | undefined, size: PageSize, otherwise = size.default): number {
  return Math.min(asked === undefined ? otherwise : Number(asked), size.maximum);
}

export function nextParameter(what: string) {
  return z
    .string({ error: 'The parameter `next` may be given once only.' })
    .optional()
    .meta({
      description: `Where the page begins: \`cursor.next\` of the page before (${what}). Empty or left out: the first page.`,
    });
}

export function includeParameter(what: string) {
  return z
    .union([z.string(), z.array(z.string())])
    .optional()
    .meta({
      type: 'string',
      anyOf: undefined,
      description: `A comma list of ${what}. Commas inside a name are sent as \`%2C\`.`,
    });
}

export function verboseParameter(what: string) {
  return z
    .enum(['true', 'false'], { error: 'The parameter `verbose` must be `true` or `false`.' })
    .optional()
    .meta({ default: 'false', description: what });
}

const isoTime = z.union([z.iso.date(), z.iso.datetime({ offset: true, local: true })]);

/** An ISO 8601 date (00:00 UTC) or date-time (UTC when it names no zone). The plus of a zone may come unescaped. */
export function timeParameter(name: string, description: string) {
  const error = `The parameter \`${name}\` must be an ISO 8601 date or date-time, such as 2025-11-20 or 2025-11-20T09:15:02Z.`;
  return z
    .string({ error: `The parameter \`${name}\` may be given once only.` })
    .transform((text, context) => {
      const time = text.replace(/ (?=\d\d:\d\d$)/, '+');
      if (isoTime.safeParse(time).success)
        return new Date(/T/.test(time) && !/(?:Z|[+-]\d\d:\d\d)$/.test(time) ? `${time}Z` : time);
      context.addIssue({ code: 'custom', message: error });
      return z.NEVER;
    })
    .optional()
    .meta({
      type: 'string',
      format: 'date-time',
      description: `${description} An ISO 8601 date or date-time; UTC when no zone is named.`,
    });
}

/** Decodes as forms do: a plus is a space. Null for a broken escape. */
function decodeWord(raw: string): string | null {
  const text = raw.includes('+') ? raw.replaceAll('+', ' ') : raw;
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/**
 * The items of a comma list parameter, taken from the raw URL so that an escaped comma stays within its item. Undefined
 * when the parameter is absent or empty, null when an escape is broken. Given twice, the lists are joined.
 */
export function readList(url: string, name: string): readonly string[] | undefined | null {
  const items: string[] = [];
  let given = false;
  for (const pair of rawPairs(url)) {
    const equals = pair.indexOf('=');
    if (equals < 0 || equals === pair.length - 1 || decodeWord(pair.slice(0, equals)) !== name) continue;
    given = true;
    for (const raw of pair.slice(equals + 1).split(',')) {
      const item = decodeWord(raw);
      if (item === null) return null;
      items.push(item);
    }
  }
  return given ? items : undefined;
}

/** The query of a raw URL, in its `name=value` pieces. */
export function rawPairs(url: string): readonly string[] {
  const start = url.indexOf('?');
  if (start < 0) return [];
  const fragment = url.indexOf('#', start);
  return url
    .slice(start + 1, fragment < 0 ? undefined : fragment)
    .split('&')
    .filter((pair) => pair !== '');
}
