import fc from 'fast-check';
import { expect, it } from 'vitest';
import { identifiersJson, writesJson } from './row-json.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '\\', '\u0000', '\ud800', '\u2028', 'é😀'),
);
const time = fc.integer({ min: -1e15, max: 1e15 });
const optional = fc.option(text, { nil: undefined });
const message = fc.option(text);
const keys = fc.array(text, { maxLength: 3 });

it('writes identifiers as JSON.stringify does', () => {
  const identifier = fc.record({ type: text, value: text, created: time, source: text, message, seen: time });
  fc.assert(
    fc.property(fc.array(identifier, { maxLength: 4 }), (identifiers) => {
      expect(identifiersJson(identifiers)).toBe(JSON.stringify(identifiers));
    }),
  );
});

it('writes writes as JSON.stringify does', () => {
  const write = fc.record({
    at: time,
    received: time,
    source: text,
    mapping: optional,
    sync: optional,
    message,
    keys,
    gone: fc.option(keys, { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 4 }), (writes) => {
      const given = JSON.parse(JSON.stringify(writes));
      expect(writesJson(given)).toBe(JSON.stringify(given));
    }),
  );
});
