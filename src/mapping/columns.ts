/**
 * Which columns a mapping can look at, so that a change in another column costs nothing and need not be read. Errs on the
 * side of too many: null means all.
 */
import { directiveName } from './compile.ts';
import { liquidVariables } from './liquid.ts';
import { isObject, type Spec } from './node.ts';
import { pathSteps, placeholderSteps } from './path.ts';
import { rootOf } from './root.ts';
import { doubleBraces, templatePieces, tripleBraces } from './text-directives.ts';

/** Told when a directive may look at any column. */
class AllColumns extends Error {}

export function columnsOf(directives: { readonly [key: string]: Spec }): ReadonlySet<string> | null {
  const root = rootOf(directives);
  if (!root.ok) return null;
  const columns = new Set<string>();
  try {
    visit(root.spec, columns);
    return columns;
  } catch (error) {
    if (error instanceof AllColumns) return null;
    throw error;
  }
}

function visit(spec: Spec, columns: Set<string>): void {
  if (Array.isArray(spec)) {
    for (const item of spec) visit(item, columns);
  } else if (isObject(spec)) {
    const name = directiveName(spec);
    if (name === undefined) visit(Object.values(spec) as Spec, columns);
    else visitDirective(name, spec[name] as Spec, columns);
  }
}

function visitDirective(name: string, value: Spec, columns: Set<string>): void {
  switch (name) {
    case '@path':
      if (typeof value !== 'string') throw new AllColumns();
      note(pathSteps(value), columns);
      break;
    case '@arrayPath': {
      // The shape sees items only, and they come from the path.
      const source = Array.isArray(value) ? value[0] : undefined;
      if (typeof source === 'string') note(pathSteps(source), columns);
      else visit(source, columns);
      break;
    }
    case '@transform':
      // The mapping sees only what `apply` made.
      if (isObject(value)) visit(wholeOf(value.apply as Spec), columns);
      break;
    case '@template':
      visitTemplate(value, columns);
      break;
    case '@liquid':
      visitLiquid(value, columns);
      break;
    default:
      visit(isObject(value) ? (Object.values(value) as Spec) : value, columns);
      if (isObject(value) && directiveName(value) !== undefined) visit(value as Spec, columns);
  }
}

function wholeOf(spec: Spec): Spec {
  const root = isObject(spec) ? rootOf(spec as { readonly [key: string]: Spec }) : undefined;
  return root?.ok ? root.spec : spec;
}

function visitTemplate(value: Spec, columns: Set<string>): void {
  // What three braces put in is searched for placeholders again, so the row decides what is looked at.
  if (typeof value !== 'string' || templatePieces(value, tripleBraces).length > 1) throw new AllColumns();
  templatePieces(value, doubleBraces).forEach((piece, index) => {
    if (index % 2 === 1) note(placeholderSteps(piece), columns);
  });
}

function visitLiquid(value: Spec, columns: Set<string>): void {
  const variables = typeof value === 'string' ? liquidVariables(value) : undefined;
  if (!variables) throw new AllColumns();
  for (const steps of variables) {
    if (steps.includes(null) && steps.indexOf(null) < 2) throw new AllColumns();
    note(steps as readonly string[], columns);
  }
}

function note(steps: readonly string[], columns: Set<string>): void {
  const [place, column] = steps;
  if (place === undefined || (place === 'properties' && column === undefined)) throw new AllColumns();
  if (place === 'properties') columns.add(column as string);
}
