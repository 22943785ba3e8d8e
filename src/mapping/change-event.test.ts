import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../diff/diff.ts';
import type { Column } from '../warehouse/warehouse.ts';
import { messageIds } from './change-event.ts';
import { changeEvents } from './mapping.ts';

const columns: Column[] = ['id', 'email', 'address'].map((name) => ({ name, type: 'string', nativeType: 'VARCHAR' }));
const about = { mappingId: 'm1', epoch: 2, identifierColumn: 'id', at: new Date('2026-03-01T09:30:00Z') };
const eventOf = changeEvents(columns, about);
const change: Change = {
  kind: 'updated',
  recordId: 'u1',
  checksum: '0123456789abcdef0123456789abcdef',
  revision: 3,
  deliveredBy: null,
  row: ['u1', "O'Brien@example.org", { city: 'Ghent' }],
};

describe('events', () => {
  it('a change of a row', () => {
    expect(eventOf(change)).toEqual({
      type: 'track',
      event: 'updated',
      messageId: expect.stringMatching(/^mr-[A-Za-z0-9_-]{22}$/),
      timestamp: '2026-03-01T09:30:00.000Z',
      properties: { id: 'u1', email: "O'Brien@example.org", address: { city: 'Ghent' } },
      __segment_id: 'u1',
      context: {},
    });
  });

  it('a deletion: every column null, the identifier too; the record keeps its id', () => {
    const deleted = eventOf({ ...change, kind: 'deleted', checksum: null, row: [null, null, null] });
    expect(deleted.properties).toEqual({ id: null, email: null, address: null });
    expect(deleted.__segment_id).toBe('u1');
    const withValues = eventOf({ ...change, kind: 'deleted', checksum: null });
    expect(withValues.properties).toEqual({ id: null, email: null, address: null });
    expect(withValues.messageId).toBe(deleted.messageId);
  });

  it('a column named __proto__ is a column', () => {
    const odd = changeEvents([{ name: '__proto__', type: 'string', nativeType: 'TEXT' }], about);
    const event = odd({ ...change, row: ['x'] });
    expect(JSON.stringify(event.properties)).toBe('{"__proto__":"x"}');
  });
});

describe('message ids', () => {
  it('are the same for the same change, whatever the time and the kind', () => {
    const later = changeEvents(columns, { ...about, at: new Date() });
    expect(later(change).messageId).toBe(eventOf(change).messageId);
    expect(eventOf({ ...change, kind: 'new' }).messageId).toBe(eventOf(change).messageId);
  });

  it('are these; a new version must not change them, or changes already sent would count as new', () => {
    expect(eventOf(change).messageId).toBe('mr-I2yVEK7St9rUrmIFSriY5z');
    expect(eventOf({ ...change, kind: 'deleted', checksum: null }).messageId).toBe('mr-6NAtVqPBbQBLLw8rmIaGfX');
  });

  it('differ when anything differs', () => {
    const text = fc.oneof(
      fc.constantFrom(
        'a',
        'b',
        '1',
        '|',
        '1|',
        '|1',
        'a|1',
        '\ud800',
        '\ud801',
        '\udc00',
        '\ufffd',
        '😀',
        '"\\ud800"',
        'j|',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    const facts = fc.record({
      mappingId: fc.constantFrom('a', '1', '1|', '|1', '1:a', 'a|1|'),
      epoch: fc.nat(12),
      recordId: text,
      revision: fc.nat(12),
      checksum: fc.constantFrom(null, '0'.repeat(32), '1'.repeat(32)),
    });
    type Facts = { mappingId: string; epoch: number; recordId: string; revision: number; checksum: string | null };
    const idOf = (of: Facts) => messageIds(of.mappingId, of.epoch)(of.recordId, of.revision, of.checksum);
    fc.assert(
      fc.property(
        facts,
        facts,
        fc.constantFrom('mappingId', 'epoch', 'recordId', 'revision', 'checksum'),
        (one, two, key) => {
          const near = { ...one, [key]: two[key as keyof Facts] };
          for (const other of [two, near]) {
            expect(idOf(one) === idOf(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
