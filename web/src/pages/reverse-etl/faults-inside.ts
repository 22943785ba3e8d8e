/**
 * The faults of one field of a mapping. In: every fault of the form by its place (`settings.traits.plan.@path`). Out: those of
 * the field by the place inside of it (`plan.@path`; '' is the field itself), and of those, what belongs to the row of a key.
 */

/** Place inside → what is wrong there. */
export type FaultsInside = ReadonlyMap<string, string>;

export const noFaults: FaultsInside = new Map();

export function faultsInside(faults: Readonly<Record<string, string>>, field: string): FaultsInside {
  return new Map(Object.entries(faults).flatMap(([place, message]) => below(place, field, message)));
}

/** Each fault once: in the row of its key, or in none. Keys may have dots themselves, and then the longest fits. */
export function faultsByKey(
  faults: FaultsInside,
  keys: readonly string[],
): { readonly rows: ReadonlyMap<string, FaultsInside>; readonly others: FaultsInside } {
  const longestFirst = keys.toSorted((one, other) => other.length - one.length);
  const rows = new Map<string, Map<string, string>>();
  const others = new Map<string, string>();
  for (const [place, message] of faults) {
    const key = longestFirst.find((one) => below(place, one, message).length > 0);
    if (key === undefined) others.set(place, message);
    else {
      const row = rows.get(key) ?? new Map<string, string>();
      rows.set(key, row);
      for (const [inside] of below(place, key, message)) row.set(inside, message);
    }
  }
  return { rows, others };
}

function below(place: string, field: string, message: string): readonly (readonly [string, string])[] {
  if (place === field) return [['', message]];
  return place.startsWith(`${field}.`) ? [[place.slice(field.length + 1), message]] : [];
}

/** What is wrong, and where when it is deeper inside; undefined when nothing is. */
export function faultWords(faults: FaultsInside): string | undefined {
  if (faults.size === 0) return undefined;
  return [...faults].map(([place, message]) => (place === '' ? message : `${place}: ${message}`)).join(' · ');
}
