import { describe, expect, test } from 'vitest';
import { javaGeneration, trimFor } from './generations.ts';

test.each([
  [undefined, null],
  ['Public API SDK 47.0.0 (TypeScript)', null],
  ['Public API SDK 47.0.0 (Java)', 'older'],
  ['Public API SDK 73.2.0 (Java)', 'newer'],
  ['OpenAPI (Java)', 'newer'],
])('%s is %s', (agent, generation) => {
  expect(javaGeneration(agent)).toBe(generation);
});

const sync = { syncId: '1' };
const settings = { status: 'mine', hidden: true, reverseETLSchedule: 1, scheduleConfig: {} };
const sourceMetadata = { id: 'm', status: 'PUBLIC', partnerOwned: false };
const destinationMetadata = {
  id: 'd',
  status: 'PUBLIC',
  supportedPlatforms: { warehouse: true, linkedAudiences: true },
  actions: [{ hidden: false, fields: [{ id: 'f', hidden: true }] }],
};

describe('to the older generation', () => {
  test.each([
    [{ reverseETLSync: sync, reverseETLSyncStatus: sync }, { reverseETLSync: sync }],
    [
      { sources: [{ metadata: sourceMetadata, settings }], pagination: { current: 'MA==' } },
      { sources: [{ metadata: { id: 'm' }, settings }], pagination: { current: 'MA==' } },
    ],
    [
      { destination: { metadata: destinationMetadata, settings } },
      {
        destination: {
          metadata: {
            ...destinationMetadata,
            supportedPlatforms: { warehouse: true },
            actions: [{ hidden: false, fields: [{ id: 'f' }] }],
          },
          settings,
        },
      },
    ],
    [{ subscription: { id: 's', settings, reverseETLSchedule: {} } }, { subscription: { id: 's', settings } }],
    [{ __proto__: null, constructor: 1 }, { constructor: 1 }],
  ])('%j', (data, trimmed) => {
    expect(trimFor('older', data)).toEqual(trimmed);
  });
});

const named = { id: 'a', name: 'n', status: 'Live' };
const definition = { query: "trait('plan') = 'pro'", type: 'users' };
const audience = { ...named, definition, audienceType: 'USERS', options: {}, computeCadence: {}, size: {} };

test('audiences and computed traits', () => {
  const data = { audience, audiences: [{ ...audience, schedules: [], failureReason: 'x' }] };
  const { type: _, ...newerDefinition } = definition;
  const newer = { ...audience, definition: newerDefinition };
  expect(trimFor('newer', data)).toEqual({ audience: newer, audiences: [{ ...newer, schedules: [] }] });
  const older = { ...named, definition };
  expect(trimFor('older', data)).toEqual({ audience: older, audiences: [older] });
  const computedTrait = { ...named, definition, options: {}, computeCadence: {}, failureReason: 'x' };
  expect(trimFor('newer', { computedTrait })).toEqual({ computedTrait: { ...named, definition, options: {} } });
  expect(trimFor('older', { computedTraits: [computedTrait] })).toEqual({ computedTraits: [older] });
});

test.each(['older', 'newer'] as const)('to the %s one, without the choices of options and what actions need', (to) => {
  const name = { name: 'sslmode', type: 'select' };
  const options = [{ ...name, choices: ['disable', 'prefer'] }];
  const actions = [{ id: 'a', needs: [{ oneOf: ['user_id'] }], fields: [] }];
  const trimmed = { options: [name] };
  expect(trimFor(to, { sourcesCatalog: [{ options }], source: { metadata: { options } } })).toEqual({
    ...{ sourcesCatalog: [trimmed], source: { metadata: trimmed } },
  });
  expect(trimFor(to, { destination: { metadata: { options, actions } } })).toEqual({
    destination: { metadata: { ...trimmed, actions: [{ id: 'a', fields: [] }] } },
  });
});

test('to the newer one', () => {
  const models = [{ id: 'm', scheduleStrategy: 'MANUAL', scheduleConfig: {} }];
  expect(trimFor('newer', { models })).toEqual({ models: [{ id: 'm' }] });
  expect(trimFor('newer', { reverseETLSync: sync, reverseETLSyncStatus: sync })).toEqual({
    reverseETLSyncStatus: sync,
  });
  expect(trimFor('newer', { source: { metadata: sourceMetadata } })).toEqual({ source: { metadata: sourceMetadata } });
});
