/** The vendor's interpreter, for tests: its ES module build does not load in Node 20, so its CommonJS build is required. */
import { createRequire } from 'node:module';
import type { JsonObject } from '../base/json.ts';

const require = createRequire(import.meta.url);
const core = require('@segment/actions-core') as { transform(mapping: JsonObject, event: unknown): unknown };

/** What the reference makes of a mapping and an event. The mapping is copied: the reference writes to it. */
export function referenceTransform(mapping: JsonObject, event: unknown): unknown {
  return core.transform(structuredClone(mapping) as JsonObject, event);
}

export const referenceTransformInPlace = core.transform;

const validateModule = require('@segment/actions-core/mapping-kit/validate') as { default(mapping: unknown): unknown };

/** Whether the reference's validation accepts a mapping. */
export function referenceAccepts(mapping: JsonObject): boolean {
  try {
    validateModule.default(structuredClone(mapping));
    return true;
  } catch {
    return false;
  }
}
