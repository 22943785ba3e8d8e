/**
 * Members that no object of a payload can hold: those named `__proto__`. The reference builds objects by assignment, which
 * takes this name for the prototype, and so loses them; our output is equal to its, so the loss is told instead.
 */
import type { Json } from '../base/json.ts';
import type { Column, Row } from '../warehouse/warehouse.ts';

const lostName = '__proto__';

/**
 * Whether a row has such a member, as a column or inside of a value; null when rows of these columns cannot have one.
 * @param used the columns the mapping looks at, by their names, which gives their values; null when it may take all at once
 */
export function lostMembers(
  columns: readonly Column[],
  used: ReadonlySet<string> | null,
): ((row: Row) => boolean) | null {
  if (used === null && columns.some(({ name }) => name === lostName)) return () => true;
  const mayNest = ({ name, type }: Column) => type === 'json' && used?.has(name) !== false;
  const nested = columns.flatMap((column, index) => (mayNest(column) ? [index] : []));
  return nested.length === 0 ? null : (row) => nested.some((index) => hasLostName(row[index] as Json));
}

function hasLostName(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (!Array.isArray(value) && Object.hasOwn(value, lostName)) return true;
  return Object.values(value).some(hasLostName);
}
