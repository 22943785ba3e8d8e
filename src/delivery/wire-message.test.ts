import { expect, test } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import { writeMessage } from './wire-message.ts';

const namesOf = (message: JsonObject) => {
  const written = writeMessage({ messageId: 'm', ...message }, 0);
  return written.ok ? [...written.wire.names].sort() : [];
};

test.each<[JsonObject, readonly string[]]>([
  [{ type: 'identify', userId: 'u', anonymousId: 'a', traits: { email: 'e@x', name: 'n' } }, ['a', 'e@x', 'u']],
  [{ type: 'identify', userId: 'u', groupId: 'g' }, ['u']],
  [{ type: 'group', userId: 'u', groupId: 'g', traits: {} }, ['g', 'u']],
  [{ type: 'track', userId: 7, traits: null }, ['7']],
  [
    { type: 'identify', context: { externalIds: [{ type: 'phone', id: '+1' }, 'no', { type: 'x', id: null }] } },
    ['+1'],
  ],
  [{ type: 'identify', userId: '', traits: { email: { nested: true } } }, []],
])('whom %j names', (message, expected) => {
  expect(namesOf(message)).toEqual(expected);
});

test('the text is the message as it is, and what is absent stays absent', () => {
  const message: JsonObject = {
    type: 'track',
    userId: 'é😀',
    event: undefined,
    messageId: 'm',
    properties: { a: null },
  };
  const text = '{"type":"track","userId":"é😀","messageId":"m","properties":{"a":null}}';
  const written = writeMessage(message, 3);
  expect(written).toMatchObject({ ok: true, wire: { place: 3, text, bytes: Buffer.byteLength(text) } });
});
