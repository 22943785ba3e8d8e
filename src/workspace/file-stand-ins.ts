/**
 * Something harmless in the place of what has the wrong shape. In: a schema, a value, and the issues the schema has with
 * it. Out: the value without them; at the worst a stand-in has issues of its own, a level deeper.
 */
import { z } from 'zod';
import type { Json } from '../base/json.ts';

/** A copy of the value in which the places of the issues are filled, and the keys they complain of are gone. */
export function withStandIns(schema: z.core.$ZodType, value: Json, issues: readonly z.core.$ZodIssue[]): Json {
  const copy = structuredClone(value);
  for (const issue of issues) {
    const path = issue.path as (string | number)[];
    const last = path.at(-1);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) delete at(copy, path)[key];
    } else if (last !== undefined) {
      at(copy, path.slice(0, -1))[last] = standInFor(schemaAt(schema, path));
    }
  }
  return copy;
}

type Container = Record<string | number, unknown>;

function at(value: Json, path: readonly (string | number)[]): Container {
  let here: unknown = value;
  for (const step of path) here = (here as Container)[step];
  return here as Container;
}

function schemaAt(schema: z.core.$ZodType, path: readonly (string | number)[]): z.core.$ZodType | undefined {
  const [step, ...rest] = path;
  const bare = unwrap(schema);
  if (step === undefined) return bare;
  if (bare instanceof z.ZodArray) return schemaAt(bare.element, rest);
  if (bare instanceof z.ZodRecord) return schemaAt(bare.valueType, rest);
  if (bare instanceof z.ZodUnion) {
    const found = bare.options.map((one) => schemaAt(one as z.core.$ZodType, path));
    return found.find((one) => one !== undefined);
  }
  const next = bare instanceof z.ZodObject ? bare.shape[step as string] : undefined;
  return next === undefined ? undefined : schemaAt(next, rest);
}

function standInFor(schema: z.core.$ZodType | undefined): unknown {
  if (schema instanceof z.ZodString) return '-';
  if (schema instanceof z.ZodEnum) return schema.options[0];
  if (schema instanceof z.ZodNumber) return Math.max(0, schema.minValue ?? 0);
  if (schema instanceof z.ZodBoolean) return true;
  if (schema instanceof z.ZodUnion) return standInFor(schema.options[0] as z.core.$ZodType);
  if (schema instanceof z.ZodLiteral) return schema.value;
  // Some lists must not be empty.
  if (schema instanceof z.ZodArray) return [standInFor(unwrap(schema.element))];
  return schema instanceof z.ZodObject || schema instanceof z.ZodRecord ? {} : null;
}

/** The schema without what makes it optional or gives it a default. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return unwrap(schema.unwrap());
  }
  return schema instanceof z.ZodPipe ? unwrap(schema.out) : schema;
}
