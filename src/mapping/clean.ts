/**
 * Taking out what is not to be sent: undefined members always, null members where a mapping says so. A value with
 * nothing to take out is returned as it is; otherwise the parts that change are copied, the input never.
 */

/**
 * Leaves out undefined members of objects, at any depth. Items of arrays keep their place. Functions, which only paths
 * such as `$.properties.constructor` can reach, count as undefined, as they would in JSON.
 */
export function withoutUndefined(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value;
  return Array.isArray(value) ? cleanArray(value) : cleanObject(value as Record<string, unknown>);
}

function cleanArray(items: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    const cleaned = withoutUndefined(item);
    if (cleaned === item) continue;
    copy ??= items.slice();
    copy[index] = cleaned;
  }
  return copy ?? items;
}

function cleanObject(value: Record<string, unknown>): Record<string, unknown> {
  for (const key of Object.keys(value)) {
    const member = value[key];
    const cleaned = withoutUndefined(member);
    if (cleaned === undefined || cleaned !== member || key === '__proto__') return cleanCopy(value);
  }
  return value;
}

function cleanCopy(value: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const cleaned = withoutUndefined(value[key]);
    if (cleaned !== undefined && key !== '__proto__') copy[key] = cleaned;
  }
  return copy;
}

/**
 * Makes null members of an object undefined, also in objects inside it, not in arrays. Members keep their place, so that
 * merging such an object over another hides the other's member, as the reference does.
 */
export function nullsToUndefined(value: unknown): unknown {
  if (Object.prototype.toString.call(value) !== '[object Object]') return value;
  const object = value as Record<string, unknown>;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    if (key === '__proto__') continue;
    const member = object[key];
    copy[key] = member === null ? undefined : typeof member === 'object' ? nullsToUndefined(member) : member;
  }
  return copy;
}

/** Leaves out undefined and null members; arrays keep their nulls. Null itself becomes undefined. */
export function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined;
  if (Object.prototype.toString.call(value) !== '[object Object]') return withoutUndefined(value);
  const object = value as Record<string, unknown>;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    const member = object[key];
    const kept = typeof member === 'object' || typeof member === 'function' ? withoutNulls(member) : member;
    if (kept !== undefined && key !== '__proto__') copy[key] = kept;
  }
  return copy;
}
