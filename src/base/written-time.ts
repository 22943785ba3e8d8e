/** A time as this program writes it. Cursors carry them out and in again, where anybody may have changed them. */

/** Whether it is a time as this program writes it (`2026-03-08T02:30:00.000Z`), which Postgres can hold. */
export function isWrittenTime(text: string): boolean {
  if (!/^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text)) return false;
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === text;
}
