/** The spaces of a workspace file. */
import type { IdentifierRule, SpaceSettings } from '../space/space.ts';
import { defaultIdentifierTypes, defaultRule, isDefaultIdentifier, recommendedBlocked } from '../space/space.ts';
import type { FaultList, FilePath } from './file-faults.ts';
import type { Shaped } from './file-shape.ts';

type IdentifierShape = NonNullable<Shaped<'spaces'>['identifiers']>[number];

const typeForm = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/;

/** The types of the file in its order, then the defaults it does not name, in theirs. */
export function readSpace(shape: Shaped<'spaces'>, path: FilePath, faults: FaultList): SpaceSettings {
  const listed = shape.identifiers ?? [];
  const rules = listed.map((identifier, index) => readIdentifier(identifier, [...path, 'identifiers', index], faults));
  const seen = new Set<string>();
  for (const [index, { type }] of rules.entries()) {
    if (seen.has(type)) faults.add([...path, 'identifiers', index, 'type'], `the type "${type}" is in the list twice.`);
    seen.add(type);
  }
  const others = defaultIdentifierTypes.filter((type) => !seen.has(type)).map(defaultRule);
  return { identifiers: [...rules, ...others], autoRegister: shape.auto_register };
}

function readIdentifier(shape: IdentifierShape, path: FilePath, faults: FaultList): IdentifierRule {
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

function readBlocked(shape: IdentifierShape['blocked'], path: FilePath, faults: FaultList): IdentifierRule['blocked'] {
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
