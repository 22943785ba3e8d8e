/**
 * What is wrong with the shape of something, in words that follow its name: `must be at most 65535`. In: an issue of a
 * schema, and the value it is about. Out: words that never quote the value, which may be a secret.
 */
import type { z } from 'zod';

const typeWords: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'a boolean',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

export function issueWords(issue: z.core.$ZodIssue, given: unknown): string {
  if (issue.code === 'custom') return issue.message;
  if (given === undefined) return 'is required';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${typeWords[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty';
      return issue.origin === 'array'
        ? `must have at least ${items(issue.minimum)}`
        : `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
      return issue.origin === 'array'
        ? `must have at most ${items(issue.maximum)}`
        : `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
    default:
      return issue.message === '' ? 'cannot be used here' : issue.message;
  }
}

const items = (count: number | bigint) => `${count} ${Number(count) === 1 ? 'item' : 'items'}`;

/** What stands at a path of a value; undefined when the path leads nowhere. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value;
  for (const step of path) here = (here as Record<PropertyKey, unknown> | null | undefined)?.[step];
  return here;
}
