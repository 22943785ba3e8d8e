/**
 * The root directive: a mapping with the key `__segment_internal_directive` is that directive, with all other fields as
 * its `mapping`. Used by the reference to run the fields over something made of the event first.
 */
import type { Json } from '../base/json.ts';
import type { Spec } from './node.ts';

export const rootKey = '__segment_internal_directive';

export type Root = { readonly ok: true; readonly spec: Spec } | { readonly ok: false; readonly message: string };

/** What is to be compiled for a whole mapping. */
export function rootOf(mapping: { readonly [key: string]: Spec }): Root {
  if (!Object.hasOwn(mapping, rootKey)) return { ok: true, spec: mapping };
  const { [rootKey]: root, ...fields } = mapping;
  if (root === undefined || root === null) return { ok: false, message: 'The root directive must be an object' };
  const keys = Object.keys(root);
  if (keys.length > 1) return { ok: false, message: 'The root mapping must only have a single directive object' };
  const key = keys[0] ?? '';
  const options = (root as { readonly [key: string]: Spec })[key];
  if (typeof options !== 'object' || options === null) {
    return { ok: false, message: 'The root directive must be an object' };
  }
  // A list cannot take the fields; the reference sets them on it to no effect.
  const filled = Array.isArray(options) ? options : { ...options, mapping: fields };
  return { ok: true, spec: Array.isArray(root) ? [filled as Json] : { [key]: filled as Json } };
}
