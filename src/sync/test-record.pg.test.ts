import { describe, expect, test } from 'vitest';
import { openFakeEndpoint } from '../../test/fake-endpoint.ts';
import { whyNotRunning } from '../workspace/workspace.ts';
import { fakeEndpoint, openWorld, peopleTable, refused } from './sync.test-support.ts';
import { runSync } from './sync.ts';
import { sendTestRecord } from './test-record.ts';

describe.each(['duckdb', 'postgres'] as const)('over %s', (engine) => {
  test('one row is sent, its message and the answer are shown, and the next sync does not know of it', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(3));
    const job = await world.job();
    const sent = await sendTestRecord(world.context, job, '2');
    expect(sent).toMatchObject({
      recordId: '2',
      result: { kind: 'message', message: { type: 'identify', userId: '2' } },
      receipt: { kind: 'delivered' },
      effects: { profilesCreated: 1, traitsChanged: 2 },
    });
    expect(await world.traits('2')).toEqual({ email: 'p2@example.org', name: 'Person 2' });
    expect(await world.traits('1')).toBeNull();
    expect(await world.records(job)).toBeNull();
    const sync = await runSync(world.context, job);
    expect(sync).toMatchObject({ state: 'succeeded', counts: { added: 3, delivered: 3 } });
  });
});

test('a second test after a change is no duplicate of the first', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(1));
  const job = await world.job();
  await sendTestRecord(world.context, job);
  await world.sql(`UPDATE people SET name = 'Changed'`);
  expect((await sendTestRecord(world.context, job)).receipt).toEqual({ kind: 'delivered' });
  expect(await world.traits('1')).toMatchObject({ name: 'Changed' });
});

test('what becomes no message is not sent', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(1));
  const endpoint = fakeEndpoint();
  const nameless = await world.job({ fields: { traits: {} } });
  expect(await sendTestRecord(world.withEndpoint(endpoint), nameless)).toMatchObject({
    result: { kind: 'refused' },
    receipt: null,
    effects: null,
  });
  expect(endpoint.given).toEqual([]);
});

test('a refusal of the endpoint is the answer, and a disabled mapping can be tried', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(1));
  const stored = await world.job();
  const job = { ...stored, mapping: { ...stored.mapping, enabled: false } };
  expect(whyNotRunning(stored)).toBeNull();
  expect(whyNotRunning(job)).toBe(`The mapping ${job.mapping.name} is disabled, so ${job.mapping.name} cannot run.`);
  const both = { ...job, destination: { ...job.destination, enabled: false } };
  expect(whyNotRunning(both)).toBe(
    `The mapping ${job.mapping.name} and the destination ${job.destination.name} are disabled, so ${job.mapping.name} cannot run.`,
  );
  await expect(runSync(world.context, both)).rejects.toMatchObject({ code: 'sync_disabled' });
  const endpoint = fakeEndpoint(() => refused);
  expect(await sendTestRecord(world.withEndpoint(endpoint), job)).toMatchObject({ receipt: refused });
  expect(endpoint.given).toHaveLength(1);
});

test('to another server one try is made', async () => {
  await using fake = await openFakeEndpoint();
  await using world = await openWorld();
  await world.sql(peopleTable(2));
  const job = await world.job({ trackingUrl: fake.url });
  expect(await sendTestRecord(world.context, job, '2')).toMatchObject({
    receipt: { kind: 'delivered' },
    effects: null,
  });
  expect(fake.accepted).toMatchObject([{ writeKey: world.space.writeKey, message: { userId: '2' } }]);
  fake.script.push({ kind: 'answer', status: 503 });
  expect((await sendTestRecord(world.context, job, '2')).receipt).toMatchObject({ kind: 'later', code: 'http_503' });
  expect(fake.arrived).toHaveLength(2);
  expect(await world.traits('2')).toBeNull();
});
