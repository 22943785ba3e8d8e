import { expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { systemClock } from '../base/clock.ts';
import type { Database } from '../db/db.ts';
import { type EndpointUnderTest, endpointConformance } from '../delivery/delivery.conformance.ts';
import type { Delivery, Receipt } from '../delivery/delivery.ts';
import { createSpaceReader, createSpaceWriter, type SpaceWriter } from '../space/space.ts';
import { createSpace, findSpace, type Space } from '../workspace/workspace.ts';
import { openLocalEndpoint } from './local-endpoint.ts';

const origin = { mappingId: 'map_a', syncId: 'syn_a' };

endpointConformance('the local endpoint', openUnderTest);

function open(db: Database, writer: SpaceWriter = createSpaceWriter({ db })) {
  return openLocalEndpoint({
    db,
    clock: systemClock,
    writer,
    findSpace: (key) => findSpace(db.pool, key).catch(() => null),
  });
}

function identify(space: string, userId: string | undefined, traits = {}): Delivery {
  return { space, message: { type: 'identify', ...(userId === undefined ? {} : { userId }), traits } };
}

async function count(db: Database, space: Space): Promise<number> {
  return createSpaceReader({ db }).count(space.no, 'users');
}

test('a batch for two spaces and an unknown one has a receipt for each message, recorded once', async () => {
  await using db = await testDatabase();
  const [a, b] = [await createSpace(db.pool, 'a'), await createSpace(db.pool, 'b')];
  await using endpoint = open(db);
  const recorded: (readonly Receipt[])[] = [];
  const receipts = await endpoint.deliver(
    [
      identify(a.writeKey, '1'),
      identify('nowhere', '2'),
      identify(b.name, '3'),
      identify(a.id, '4'),
      identify(b.id, undefined),
    ],
    origin,
    async (given) => void recorded.push([...given]),
  );
  expect(receipts.map(({ kind }) => kind)).toEqual(['delivered', 'refused', 'delivered', 'delivered', 'refused']);
  expect(receipts[1]).toMatchObject({ code: 'space_unknown' });
  expect(receipts[4]).toMatchObject({ code: 'no_matching_identifiers' });
  expect(recorded).toEqual([receipts]);
  expect([await count(db, a), await count(db, b)]).toEqual([2, 1]);
});

test('a batch for unknown spaces only is recorded too', async () => {
  await using db = await testDatabase();
  await using endpoint = open(db);
  const recorded: Receipt[] = [];
  await endpoint.deliver([identify('x', '1')], origin, async (given) => void recorded.push(...given));
  expect(recorded).toMatchObject([{ kind: 'refused', code: 'space_unknown' }]);
});

test('when the receipts cannot be recorded, the messages are not applied', async () => {
  await using db = await testDatabase();
  const a = await createSpace(db.pool, 'a');
  await using endpoint = open(db);
  const fail = async () => {
    throw new Error('no receipts today');
  };
  await expect(endpoint.deliver([identify(a.id, '1')], origin, fail)).rejects.toThrow('no receipts today');
  expect(await count(db, a)).toBe(0);
});

test('profiles remember mapping, sync and source', async () => {
  await using db = await testDatabase();
  const a = await createSpace(db.pool, 'a');
  await using endpoint = open(db);
  await endpoint.deliver([identify(a.id, '1', { plan: 'gold' })], origin, async () => undefined);
  const profile = await createSpaceReader({ db }).profile(a.no, 'users', {
    kind: 'identifier',
    type: 'user_id',
    value: '1',
  });
  expect(profile?.traits[0]?.origin).toMatchObject({ sourceId: a.id, mappingId: 'map_a', syncId: 'syn_a' });
});

test('overlapping calls take effect in the order they were made', async () => {
  await using db = await testDatabase();
  const a = await createSpace(db.pool, 'a');
  await using endpoint = open(db);
  const order: number[] = [];
  await Promise.all(
    [a.writeKey, a.id, a.name, a.writeKey].map((space, n) =>
      endpoint.deliver([identify(space, 'same', { n })], origin, async () => void order.push(n)),
    ),
  );
  expect(order).toEqual([0, 1, 2, 3]);
});

/** Values are traits of users; the writer can be told to fail once, as when the database is away for a moment. */
async function openUnderTest(): Promise<EndpointUnderTest> {
  const db = await testDatabase();
  const space = await createSpace(db.pool, 'main');
  const real = createSpaceWriter({ db });
  const reader = createSpaceReader({ db });
  let broken = false;
  const writer: SpaceWriter = {
    async write(...call) {
      if (!broken) return real.write(...call);
      broken = false;
      throw new Error('outage');
    },
    [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
  };
  return {
    endpoint: open(db, writer),
    set: (key, value) => identify(space.writeKey, key, { value }),
    refused: () => identify(space.writeKey, undefined),
    async standing(key) {
      const profile = await reader.profile(space.no, 'users', { kind: 'identifier', type: 'user_id', value: key });
      return profile?.traits.find((trait) => trait.key === 'value')?.value as number | undefined;
    },
    transactional: true,
    breakNextCall: async () => {
      broken = true;
    },
    async close() {
      await writer[Symbol.asyncDispose]();
      await db.close();
    },
  };
}
