import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import { directiveNames } from './generators.test-support.ts';
import { compileMapping, compileTrigger, type Directives } from './mapping.ts';
import { referenceTransform } from './reference.test-support.ts';

const page = await readFile(new URL('../../docs/mapping.md', import.meta.url), 'utf8');

function blocks(kind: string): JsonObject[] {
  return [...page.matchAll(new RegExp(`\`\`\`json ${kind}\n([\\s\\S]*?)\n\`\`\``, 'g'))].map(
    (match) => JSON.parse(match[1] as string) as JsonObject,
  );
}

const [event] = blocks('event') as [JsonObject];
const payloads = blocks('payload');
const examples = blocks('fields').map((fields, index) => ({
  fields,
  payload: payloads[index],
  name: JSON.stringify(fields),
}));
const triggers = [...page.matchAll(/^\| `(.+)` \| ((?:new|updated|deleted)(?:, \w+)*) \|$/gm)];

describe('docs/mapping.md', () => {
  it.each(examples)('$name', ({ fields, payload }) => {
    expect(JSON.stringify(compileMapping(fields as Directives)(event))).toBe(JSON.stringify(payload));
    expect(JSON.stringify(referenceTransform(fields, event))).toBe(JSON.stringify(payload));
  });

  it('has an example of every directive', () => {
    expect(payloads).toHaveLength(examples.length);
    const shown = examples.map((example) => example.name).join();
    expect(directiveNames.filter((name) => !shown.includes(`"${name}"`))).toEqual([]);
  });

  it.each(triggers.map((row) => [row[1] as string, row[2] as string]))('%s', (fql, kinds) => {
    expect([...compileTrigger(fql).kinds].join(', ')).toBe(kinds);
  });

  it('has triggers, and the backslash in a name works', () => {
    expect(triggers.length).toBeGreaterThan(5);
    const trigger = compileTrigger('properties.loyalty\\ tier = "gold"');
    expect(trigger.matches(event)).toBe(true);
    expect(trigger.columns).toEqual(new Set(['loyalty tier']));
  });
});
