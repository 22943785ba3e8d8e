/** The spaces of a workspace file. */
import { isMillraceError } from '../base/errors.ts';
import { parseFql } from '../base/fql.ts';
import type { IdentifierRule, SpaceFilter, SpaceSettings } from '../space/space.ts';
import {
  defaultIdentifierTypes,
  defaultRule,
  isDefaultIdentifier,
  orderedIdentifiers,
  recommendedBlocked,
} from '../space/space.ts';
import type { FilePath, PathFaults } from './file-faults.ts';
import type { Shaped } from './file-shape.ts';
import { isName, nameRule } from './names.ts';

type IdentifierShape = NonNullable<Shaped<'spaces'>['identifiers']>[number];

type FilterShape = NonNullable<Shaped<'spaces'>['filters']>[string];

/** A space in the shape of a file, with its filters as a list. */
export type SpaceShape = Omit<Shaped<'spaces'>, 'filters' | 'title'> & {
  readonly filters: readonly (FilterShape & { readonly name: string })[];
};

const mostFilters = 10;
const mostGroups = 25;
const typeForm = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/;

export function readSpace(shape: Shaped<'spaces'>, path: FilePath, faults: PathFaults): SpaceSettings {
  const filters = Object.entries(shape.filters ?? {}).map(([name, filter]) => ({ name, ...filter }));
  return readSettings({ ...shape, filters }, path, ({ name }) => name, faults);
}

/**
 * The types of the file in its order, then the defaults it does not name, in theirs. What is left as it usually is stays
 * out of the settings, as in spaces that were made before there was such a setting.
 * @param stepTo what leads to a filter, in the map or list of them
 */
export function readSettings(
  shape: SpaceShape,
  path: FilePath,
  stepTo: (filter: { readonly name: string }, at: number) => string | number,
  faults: PathFaults,
): SpaceSettings {
  const listed = shape.identifiers ?? [];
  const rules = listed.map((identifier, index) => readIdentifier(identifier, [...path, 'identifiers', index], faults));
  const seen = new Set<string>();
  for (const [index, { type }] of rules.entries()) {
    if (seen.has(type)) faults.add([...path, 'identifiers', index, 'type'], `the type "${type}" is in the list twice.`);
    seen.add(type);
  }
  const others = defaultIdentifierTypes.filter((type) => !seen.has(type)).map(defaultRule);
  const filters = readFilters(shape.filters, (filter, at) => [...path, 'filters', stepTo(filter, at)], faults);
  const groups = shape.subscription_groups ?? [];
  checkGroups(groups, [...path, 'subscription_groups'], faults);
  const identifiers = [...rules, ...others];
  // The list itself tells it, except of defaults that it names in their own order without giving them other settings.
  const untold = identifiers.slice(orderedIdentifiers({ identifiers, autoRegister: true }), rules.length);
  return {
    identifiers,
    ...(untold.some(({ type }) => type !== 'user_id' && type !== 'email') && { ordered: rules.length }),
    autoRegister: shape.auto_register,
    ...(filters.length > 0 && { filters }),
    ...(groups.length > 0 && { subscriptionGroups: groups }),
    ...(shape.identifier_deletion && { identifierDeletion: true }),
  };
}

function readFilters(
  filters: SpaceShape['filters'],
  pathTo: (filter: { readonly name: string }, at: number) => FilePath,
  faults: PathFaults,
): readonly SpaceFilter[] {
  return filters.map((filter, index) => {
    const { name, if: condition, description, enabled } = filter;
    const here = pathTo(filter, index);
    if (!isName(name)) faults.addKey(here, `a name must ${nameRule}.`);
    if (index === mostFilters) {
      faults.addKey(here, `this is one filter too many: a space can have ${mostFilters}.`);
    }
    const fault = conditionFault(condition);
    if (fault !== null) faults.add([...here, 'if'], fault);
    return { name, description, enabled, if: condition };
  });
}

function conditionFault(condition: string): string | null {
  try {
    parseFql(condition);
    return null;
  } catch (error) {
    if (!isMillraceError(error, 'fql_invalid')) throw error;
    return error.message;
  }
}

function checkGroups(names: readonly string[], path: FilePath, faults: PathFaults): void {
  for (const [index, name] of names.entries()) {
    const here = [...path, index];
    const fault = groupFault(name);
    if (fault !== null) faults.add(here, `the name of a group ${fault}.`);
    if (names.indexOf(name) !== index) faults.add(here, 'this group is in the list twice.');
    if (index === mostGroups) faults.add(here, `this is one group too many: a space can have ${mostGroups}.`);
  }
}

const special = /[!@#$%^&*()_+\-=[\]{};':"\\|,.<>/?]/;

/** `profile-space.md` 5.2, rule 6. */
function groupFault(name: string): string | null {
  if (name === '' || name.length > 75) return 'must have 1 to 75 characters';
  if (name !== name.trim()) return 'must not begin or end with a space';
  if (/\p{Cc}/u.test(name)) return 'must be on one line';
  if (special.test(name))
    return `must not have special characters: ! @ # $ % ^ & * ( ) _ + - = [ ] { } ; ' : " \\ | , . < > / ?`;
  return /[aeiou]\p{M}/iu.test(name.normalize('NFD')) ? 'must not have vowels with accents' : null;
}

function readIdentifier(shape: IdentifierShape, path: FilePath, faults: PathFaults): IdentifierRule {
  const { type } = shape;
  if (!typeForm.test(type) || type.length > 100) {
    faults.add(
      [...path, 'type'],
      'a type is lower-case letters, digits and _, with dots between parts, up to 100 characters, e.g. loyalty_id.',
    );
  }
  const usual = defaultRule(type);
  if (isDefaultIdentifier(type) && shape.collection !== undefined && shape.collection !== usual.collection) {
    faults.add([...path, 'collection'], `${type} always belongs to ${usual.collection}.`);
  }
  return {
    type,
    collection: shape.collection ?? usual.collection,
    limit: shape.limit ?? usual.limit,
    window: shape.per,
    blocked: readBlocked(shape.blocked, [...path, 'blocked'], faults),
    custom: shape.custom ?? usual.custom,
  };
}

function readBlocked(shape: IdentifierShape['blocked'], path: FilePath, faults: PathFaults): IdentifierRule['blocked'] {
  if (shape === undefined) return recommendedBlocked;
  for (const [index, pattern] of shape.patterns.entries()) {
    if (!compiles(pattern)) faults.add([...path, 'patterns', index], 'this is not a regular expression.');
  }
  const base = shape.recommended ? recommendedBlocked : { values: [], patterns: [] };
  return {
    values: [...new Set([...base.values, ...shape.values])],
    patterns: [...new Set([...base.patterns, ...shape.patterns])],
  };
}

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}
