/**
 * Paths such as `$.properties.address.city`, `$.properties["first name"]` or `$.items[0].id`, with the reading rules of
 * the reference: quotes are only marks, so a name with a dot or a quote in it cannot be reached; a step into something
 * falsy gives that falsy value; an empty path gives the whole input.
 */
import type { Read } from './node.ts';

const separators = /\[(?="|'|\d)|\.|(?<="|'|\d)]+/g;

/** The steps of a path as `@path` and `@arrayPath` read it: the first `$.` in it is dropped. */
export function pathSteps(path: string): readonly string[] {
  return placeholderSteps(path.replace('$.', ''));
}

/** The steps of a path in a template, where `$.` has no meaning. */
export function placeholderSteps(path: string): readonly string[] {
  const steps: string[] = [];
  for (const part of path.split(separators)) {
    if (part !== '') steps.push(part.replace(/['"]/g, ''));
  }
  return steps;
}

type Bag = Record<string, unknown>;

/** Reads what the steps lead to. */
export function stepsReader(steps: readonly string[]): Read {
  const [first, second, third] = steps;
  if (first === undefined) return (payload) => payload;
  if (second === undefined) return (payload) => payload && (payload as Bag)[first];
  if (third === undefined) {
    return (payload) => {
      const inner = payload && (payload as Bag)[first];
      return inner && (inner as Bag)[second];
    };
  }
  return (payload) => readSteps(payload, steps);
}

export function readSteps(payload: unknown, steps: readonly string[]): unknown {
  let value = payload;
  for (const step of steps) {
    if (!value) return value;
    value = (value as Bag)[step];
  }
  return value;
}
