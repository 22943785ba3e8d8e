/**
 * The body of a request. In: JSON and the shape it must have. Out: the values, or every fault, worded as the vendor does:
 * `"slug" is required`, `"enabled" must be a boolean`. Keys that are not in the shape are ignored.
 */
import { z } from 'zod';
import { issueWords, valueAt } from '../../base/issue-words.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import { findUnstorable, type UnstorableKind } from '../../base/text.ts';
import type { InputFault } from './errors.ts';

/** Any JSON object. */
export const map = z.record(z.string(), z.unknown()) as unknown as z.ZodType<JsonObject>;
/** Text with something in it. */
export const text = (longest = 255) => z.string().min(1).max(longest);

/** The values; null, with faults, when the body has another shape. `within` is where in the request the body stands. */
export function readBody<S extends z.ZodType>(
  schema: S,
  body: Json | undefined,
  faults: InputFault[],
  within: readonly string[] = [],
): z.output<S> | null {
  const result = schema.safeParse(body ?? {});
  if (result.success) {
    const found = findUnstorable(body);
    if (found === null) return result.data;
    const path = found.path.replace(/^\$\.?/, '');
    // Hundreds of steps down say less than where it begins.
    const shown = found.what === 'too_deep' ? path.split(/[.[]/, beginning).join('.') : path;
    const field = [...within, shown].join('.');
    faults.push({ field, message: `"${field}" holds ${unstorable[found.what]}` });
    return null;
  }
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const unknown = [...within, ...issue.path, key].join('.');
        faults.push({ field: unknown, message: `"${unknown}" is not known here` });
      }
      continue;
    }
    const field = [...within, ...issue.path].join('.');
    faults.push({ field, message: `"${field}" ${issueWords(issue, valueAt(body, issue.path))}` });
  }
  return null;
}

/** The parts of a body that have their shape, also when others have not: what else is wrong with them is then told too. */
export function readParts<S extends z.ZodRawShape>(
  { shape }: z.ZodObject<S>,
  body: Json | undefined,
): Partial<z.output<z.ZodObject<S>>> {
  const given = isJsonObject(body) ? body : {};
  const found: Record<string, unknown> = {};
  for (const [key, type] of Object.entries(shape)) {
    const read = (type as unknown as z.ZodType).safeParse(given[key]);
    if (given[key] !== undefined && read.success && findUnstorable(given[key]) === null) found[key] = read.data;
  }
  return found as Partial<z.output<z.ZodObject<S>>>;
}

/** Steps of a path that are shown of what is nested too deep: as far as `input.settings.traits`. */
const beginning = 3;

const unstorable: Readonly<Record<UnstorableKind, string>> = {
  nul: 'a NUL character, which cannot be stored',
  lone_surrogate: 'half of a surrogate pair, which is no text',
  too_deep: 'too many levels',
};
