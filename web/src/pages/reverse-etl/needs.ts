/** What an action needs beside its required fields, and what of it a mapping does not have yet. */
import type { JsonObject, JsonValue } from '../../api/json.ts';
import type { Action } from '../../api/types.ts';

/** Words to be shown above a field. */
export interface Lack {
  /** The first of the fields that would do. */
  readonly above: string;
  readonly words: string;
}

/** One directive for all fields: what it makes is known only when rows come. */
const rootDirective = '__segment_internal_directive';

/** What rows would be refused for. What a mapping does not name has its default. */
export function lacksOf({ fields, needs }: Action, settings: JsonObject): readonly Lack[] {
  if (rootDirective in settings) return [];
  const fieldOf = (key: string) => fields.find(({ fieldKey }) => fieldKey === key);
  const isMapped = (key: string) => !isEmpty(settings[key] ?? fieldOf(key)?.defaultValue);
  const named = (keys: readonly string[]) => eitherOf(keys.map((key) => fieldOf(key)?.label ?? key));
  return needs.flatMap(({ when, oneOf }) => {
    const asking = when?.filter(isMapped);
    const above = fields.find(({ fieldKey }) => oneOf.includes(fieldKey))?.fieldKey;
    if (asking?.length === 0 || oneOf.some(isMapped) || above === undefined) return [];
    const words =
      asking === undefined
        ? `Map ${named(oneOf)}: without one of them every row is refused.`
        : `Map ${named(oneOf)} too: rows with ${named(asking)} are refused without it.`;
    return [{ above, words }];
  });
}

function isEmpty(value: JsonValue | undefined): boolean {
  return value === undefined || value === null || value === '';
}

function eitherOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
