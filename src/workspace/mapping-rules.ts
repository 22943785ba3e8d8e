/** What holds for a mapping wherever it is written: in a file or over an API. Pure. */
import { type Fault, isMillraceError } from '../base/errors.ts';
import { isJsonObject, type Json } from '../base/json.ts';
import { suggestion } from '../base/near-names.ts';
import type { Action } from '../destination/destination.ts';
import type { Fields, MappingChecks } from './workspace-file.ts';

/** What is wrong with the fields; `where` is the place in them, e.g. `user_id.@path`. */
export function fieldFaults(action: Action, given: Fields, checks: MappingChecks): readonly Fault[] {
  const filled = checks.fillDefaults(action, given);
  // What has no effect is not looked into.
  const effective = Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(filled, name)));
  return [...checks.checkMapping(effective), ...checks.checkFields(action, filled)];
}

/** Why the trigger cannot be used; null when it can. */
export function triggerFault(trigger: string, { compileTrigger }: MappingChecks): string | null {
  try {
    compileTrigger(trigger);
    return null;
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return error.message;
  }
}

/** Why the nulls of a field cannot be left out; null when they can. */
export function skipNullFault(
  field: string,
  known: Readonly<Record<string, { readonly required: boolean }>>,
): string | null {
  const entry = Object.hasOwn(known, field) ? known[field] : undefined;
  if (entry === undefined) return `the action has no field "${field}".${suggestion(field, Object.keys(known))}`;
  return entry.required ? `the field "${field}" is required, so its null values cannot be left out.` : null;
}

/** The space that a mapping names outright; null when it is computed from the row, and known only when rows come. */
export function namedSpace(value: Json | undefined): string | null {
  const literal = isJsonObject(value) ? value['@literal'] : value;
  return typeof literal === 'string' ? literal : null;
}

const idForm = /^spa_[0-9A-Za-z]{27}$/;
const writeKeyForm = /^[0-9A-Za-z]{32}$/;

/** Whether a space is named by its id or write key, which the database knows. */
export function isSpaceKey(named: string): boolean {
  return idForm.test(named) || writeKeyForm.test(named);
}
