/** The times of messages. A text without a zone is UTC, wherever the process runs; a number is seconds since 1970. */

/** An ISO time, or one that `Date` reads, whose end names a zone. */
const zoned = /(?:[zZ]|[+-]\d\d:?\d\d|\b[A-Z]{2,4}|\))\s*$/;
const dateOnly = /^[+-]?\d{4,6}-\d\d-\d\d$/;
/** Larger numbers cannot be seconds: they would lie beyond the year 5000. */
const mostSeconds = 1e11;

/** Milliseconds since 1970; NaN when it is no time. */
export function readTime(value: unknown): number {
  if (typeof value === 'number') return Math.abs(value) < mostSeconds ? value * 1000 : value;
  if (typeof value !== 'string') return Number.NaN;
  const text = value.trim();
  if (/^-?\d{5,}(\.\d+)?$/.test(text)) return readTime(Number(text));
  if (zoned.test(text) || dateOnly.test(text)) return Date.parse(text);
  const iso = Date.parse(`${text}Z`);
  return Number.isNaN(iso) ? Date.parse(`${text} UTC`) : iso;
}
