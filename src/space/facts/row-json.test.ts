import fc from 'fast-check';
import { expect, it } from 'vitest';
import { identifiersJson, identifiersOf, writesJson, writesOf } from './row-json.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '\\', '\u0000', '\ud800', '\u2028', 'é😀'),
);
const source = fc.oneof(text, fc.constant('src_first'));
const time = fc.oneof(fc.integer({ min: -1e15, max: 1e15 }), fc.constant(1000));
const message = fc.oneof(fc.option(text), fc.constant('m-first'));
const keys = fc.array(text, { maxLength: 3 });
const first = fc.record({
  createdAt: fc.constant(1000),
  firstSourceId: fc.constant('src_first'),
  firstMessageId: fc.constantFrom(null, 'm-first'),
});

it('identifiers come back as they were', () => {
  const identifier = fc.record({ type: text, value: text, created: time, source, message, seen: time });
  fc.assert(
    fc.property(fc.array(identifier, { maxLength: 4 }), first, (identifiers, facts) => {
      expect(identifiersOf(JSON.parse(identifiersJson(identifiers, facts)), facts)).toEqual(identifiers);
    }),
    { numRuns: 500 },
  );
});

it('writes come back as they were', () => {
  const write = fc.record(
    { at: time, received: time, place: fc.nat(), source, mapping: text, sync: text, message, keys, gone: keys },
    { requiredKeys: ['at', 'received', 'place', 'source', 'message', 'keys'] },
  );
  fc.assert(
    fc.property(fc.array(write, { maxLength: 4 }), first, (writes, facts) => {
      expect(writesOf(JSON.parse(writesJson(writes, facts)), facts)).toEqual(writes);
    }),
    { numRuns: 500 },
  );
});

it('leaves out what the row says already', () => {
  const facts = { createdAt: 1000, firstSourceId: 's', firstMessageId: 'm' };
  const identifier = { type: 'email', value: 'a@b', created: 1000, source: 's', message: 'm', seen: 1000 };
  expect(identifiersJson([identifier], facts)).toBe('[{"type":"email","value":"a@b"}]');
  const write = { at: 1000, received: 1000, place: 0, source: 's', message: 'm', keys: ['plan'] };
  expect(writesJson([write], facts)).toBe('[{"at":1000,"keys":["plan"]}]');
  expect(writesJson([{ ...write, place: 17 }], facts)).toBe('[{"at":1000,"n":17,"keys":["plan"]}]');
});
