/** Parameters of a query, read one by one. What is wrong with one is added to `faults`, and it then counts as left out. */
import type { InputFault } from './errors.ts';
import type { Query } from './query.ts';

/** An ISO date or instant; a date is its first moment in UTC, and an instant without a zone is in UTC. */
const isoForm = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/i;

/** Left out or blank: undefined. A plus that was not escaped comes as a space. */
export function timeParameter(query: Query, name: string, faults: InputFault[]): Date | undefined {
  const given = query.text(name);
  if (given === undefined || given === '') return undefined;
  const text = given.replace(/ (?=\d\d:?\d\d$)/, '+').toUpperCase();
  const zoned = /T/.test(text) && !/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? `${text}Z` : text;
  const time = isoForm.test(text) ? new Date(zoned) : new Date(Number.NaN);
  if (!Number.isNaN(time.getTime())) return time;
  faults.push({ field: name, message: `"${name}" must be an ISO 8601 time such as 2026-05-01T00:00:00Z` });
  return undefined;
}

export function requiredTime(query: Query, name: string, faults: InputFault[]): Date | undefined {
  const before = faults.length;
  const time = timeParameter(query, name, faults);
  if (time === undefined && faults.length === before) faults.push({ field: name, message: `"${name}" is required` });
  return time;
}

/** One of these words, in any case. */
export function choiceParameter<const Choice extends string>(
  query: Query,
  name: string,
  choices: readonly Choice[],
  faults: InputFault[],
): Choice | undefined {
  const given = query.text(name);
  if (given === undefined || given === '') return undefined;
  const found = choices.find((choice) => choice.toLowerCase() === given.toLowerCase());
  if (found === undefined) faults.push({ field: name, message: `"${name}" must be one of ${choices.join(', ')}` });
  return found;
}

/** A whole number of these bounds. */
export function numberParameter(
  query: Query,
  name: string,
  [least, most]: readonly [number, number],
  faults: InputFault[],
): number | undefined {
  const given = query.text(name);
  if (given === undefined || given === '') return undefined;
  const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  faults.push({ field: name, message: `"${name}" must be a whole number from ${least} to ${most}` });
  return undefined;
}

export function booleanParameter(query: Query, name: string, faults: InputFault[]): boolean {
  const given = (query.text(name) ?? '').toLowerCase();
  if (given === 'true' || given === '1') return true;
  if (!['', 'false', '0'].includes(given)) faults.push({ field: name, message: `"${name}" must be a boolean` });
  return false;
}
