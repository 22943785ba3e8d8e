/**
 * Members that no object of a payload can hold: those named `__proto__`. The reference builds objects by assignment, which
 * takes this name for the prototype, and so loses them; our output is equal to its, so the loss is told instead.
 */
import type { Json } from '../base/json.ts';
import type { Column, Row } from '../warehouse/warehouse.ts';

const lostName = '__proto__';

/**
 * Whether a row has such a member, as a column or inside of a value; null when rows of these columns cannot have one.
 * @param takesAll whether the mapping may take all columns at once; it can name a single one and get its value
 */
export function lostMembers(columns: readonly Column[], takesAll: boolean): ((row: Row) => boolean) | null {
  if (takesAll && columns.some(({ name }) => name === lostName)) return () => true;
  const nested = columns.flatMap(({ type }, index) => (type === 'json' ? [index] : []));
  return nested.length === 0 ? null : (row) => nested.some((index) => hasLostName(row[index] as Json));
}

function hasLostName(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (!Array.isArray(value) && Object.hasOwn(value, lostName)) return true;
  return Object.values(value).some(hasLostName);
}
