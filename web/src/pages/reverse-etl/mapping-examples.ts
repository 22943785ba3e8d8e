/** Functions of the mapping language, each as a small one that works, to begin with; docs/mapping.md explains them. Pure. */
import type { JsonValue } from '../../api/json.ts';
import { columnPath } from './column-path.ts';

/** @param column one that a path can name */
export function mappingExamples(column: string): Readonly<Record<string, JsonValue>> {
  const path = columnPath(column);
  const value = { '@path': path };
  // Templates begin at the event, without the sign for it.
  const inTemplate = path.slice('$.'.length);
  return {
    '@path: a value of the row': value,
    '@template: a text with values in it': { '@template': `Hello {{${inTemplate}}}` },
    // biome-ignore lint/suspicious/noThenProperty: the mapping language calls it so
    '@if: one of two': { '@if': { exists: value, then: value, else: 'unknown' } },
    '@case: lower or upper case': { '@case': { operator: 'lower', value } },
    '@replace: a text for another': { '@replace': { pattern: '-', replacement: '_', value } },
    '@excludeWhenNull: left out when null': { '@excludeWhenNull': value },
    '@json: from JSON text, or to it': { '@json': { mode: 'decode', value } },
    '@arrayPath: every item of a list': { '@arrayPath': [path, { sku: { '@path': '$.sku' } }] },
    '@flatten: members of members become members': { '@flatten': { value: { name: value }, separator: '_' } },
    '@merge: objects over one another': {
      '@merge': { direction: 'right', objects: [{ plan: 'free' }, { plan: value }] },
    },
    '@transform: a mapping over a mapping': {
      '@transform': { apply: { who: value }, mapping: { '@template': 'Dear {{who}}' } },
    },
    '@liquid: a template with conditions and filters': { '@liquid': `{{ ${inTemplate} | upcase }}` },
    '@literal: as it stands': { '@literal': 'fixed' },
  };
}
