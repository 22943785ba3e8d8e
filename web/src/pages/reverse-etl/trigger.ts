/** Which records a mapping sends: its trigger, as far as it is made of kinds of changes. */

export const kinds = [
  { value: 'new', label: 'Added records', word: 'added' },
  { value: 'updated', label: 'Updated records', word: 'updated' },
  { value: 'deleted', label: 'Deleted records', word: 'deleted' },
] as const;

export const triggerOf = (records: readonly string[]): string =>
  records.map((kind) => `event = "${kind}"`).join(' or ');

/** Null: written by hand in another form. */
export function recordsOf(trigger: string): readonly string[] | null {
  const records = [...trigger.matchAll(/event = "(new|updated|deleted)"/g)].map(([, kind]) => kind as string);
  return triggerOf(records) === trigger.trim() ? records : null;
}

/** `added and updated`; null when only the trigger itself says it. */
export function recordWords(trigger: string): string | null {
  const words = recordsOf(trigger)?.map((kind) => kinds.find(({ value }) => value === kind)?.word ?? kind);
  if (words === undefined || words.length === 0) return null;
  return words.length === 1 ? (words[0] ?? null) : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
