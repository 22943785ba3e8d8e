import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { syncRows } from './history.ts';
import { fakeEndpoint, later, openWorld, peopleTable, refused, type World } from './sync.test-support.ts';
import { runSync } from './sync.ts';

async function failingKeys(world: World): Promise<readonly string[]> {
  const { rows } = await world.db.pool.query<{ key: string }>(
    `SELECT record_key || '×' || attempts AS key FROM failing_rows ORDER BY 1`,
  );
  return rows.map(({ key }) => key);
}

test('99 of 100 refused: 99 failed, 1 delivered; the 99 go out in the next sync', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(100));
  const job = await world.job();
  const strict = fakeEndpoint(({ message }) => (message.userId === '42' ? { kind: 'delivered' } : refused));
  const first = await runSync(world.withEndpoint(strict), job);
  expect(first).toMatchObject({ state: 'partially succeeded', counts: { delivered: 1, refused: 99 } });
  expect(Object.keys((await world.records(job)) ?? {})).toEqual(['42']);
  const listed = await syncRows(world.db, first.id, 'failed', { limit: 1_000 });
  expect(listed.items).toHaveLength(99);
  expect(listed.items[0]).toMatchObject({ kind: 'refused', code: 'TEST_REFUSED', reason: 'This one is refused.' });
  expect(JSON.parse(listed.items[0]?.message ?? '')).toMatchObject({ type: 'identify' });

  const kind = fakeEndpoint();
  const second = await runSync(world.withEndpoint(kind), job);
  expect(second).toMatchObject({ state: 'succeeded', counts: { added: 99, delivered: 99, retried: 99, unchanged: 1 } });
  expect(await failingKeys(world)).toEqual([]);
});

test('a sync whose rows are all refused fails', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const sync = await runSync(world.withEndpoint(fakeEndpoint(() => refused)), await world.job());
  expect(sync).toMatchObject({ state: 'failed', code: 'sync_all_refused', counts: { refused: 3, delivered: 0 } });
  // Of this very sync.
  expect(sync.help).toContain(`millrace sync show ${sync.id} --rows failed`);
});

test('rows that an endpoint does not take now are tried again with the same message id', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(2));
  const job = await world.job();
  const busy = fakeEndpoint(() => later);
  const first = await runSync(world.withEndpoint(busy), job);
  expect((await syncRows(world.db, first.id, 'failed')).items.map(({ kind }) => kind)).toEqual(['later', 'later']);
  const free = fakeEndpoint();
  await runSync(world.withEndpoint(free), job);
  const ids = ({ given }: typeof free) => given.map(({ message }) => message.messageId).sort();
  expect(ids(free)).toEqual(ids(busy));
});

test('an exception while sending ends the sync as failed; the rows go out next time', async () => {
  await using world = await openWorld({ settings: { batchSize: 10 } });
  await world.sql(peopleTable(30));
  const job = await world.job();
  const broken = fakeEndpoint((_, index) => {
    if (index === 5) throw new Error('the cable is cut');
    return { kind: 'delivered' };
  });
  const first = await runSync(world.withEndpoint(broken), job);
  expect(first).toMatchObject({ state: 'failed', code: 'internal', counts: { delivered: 0, remaining: 30 } });
  expect(first.reason).toContain('the cable is cut');
  const second = await runSync(world.withEndpoint(fakeEndpoint()), job);
  expect(second).toMatchObject({ state: 'succeeded', counts: { added: 30, delivered: 30 } });
});

test('an endpoint that fails for a while: what was delivered before counts, and is not sent again', async () => {
  await using world = await openWorld({ settings: { batchSize: 10, inFlight: 1 } });
  await world.sql(peopleTable(30));
  const job = await world.job();
  let left = 20;
  const tired = fakeEndpoint(() => {
    if (left-- <= 0) throw new Error('gone');
    return { kind: 'delivered' };
  });
  const first = await runSync(world.withEndpoint(tired), job);
  expect(first).toMatchObject({ state: 'failed', counts: { delivered: 20, remaining: 10 } });
  const second = await runSync(world.withEndpoint(fakeEndpoint()), job);
  expect(second.counts).toMatchObject({ added: 10, delivered: 10, unchanged: 20 });
});

test('a row that failed in five syncs is given up until it changes', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const job = await world.job();
  let bad: unknown = '2';
  const picky = fakeEndpoint(({ message }) => (message.userId === bad ? refused : { kind: 'delivered' }));
  const context = world.withEndpoint(picky);
  for (let n = 1; n <= 5; n++) {
    expect((await runSync(context, job)).counts.refused).toBe(1);
    expect(await failingKeys(world)).toEqual([`2×${n}`]);
  }
  picky.given.length = 0;
  const sixth = await runSync(context, job);
  expect(sixth).toMatchObject({
    state: 'partially succeeded',
    counts: { added: 1, givenUp: 1, refused: 0, remaining: 0 },
  });
  expect(picky.given).toEqual([]);
  const { items } = await syncRows(world.db, sixth.id, 'failed');
  expect(items).toMatchObject([{ kind: 'given up', recordId: '2' }]);
  expect(items[0]?.reason).toContain('This one is refused.');

  await world.sql(`UPDATE people SET name = 'better' WHERE id = 2`);
  bad = null;
  expect((await runSync(context, job)).counts).toMatchObject({ delivered: 1, givenUp: 0 });
  expect(await failingKeys(world)).toEqual([]);
});

test('a row that first failed 14 days ago is given up', async () => {
  let now = Date.now();
  await using world = await openWorld({ clock: { now: () => new Date(now) } });
  await world.sql(peopleTable(1));
  const job = await world.job();
  const context = world.withEndpoint(fakeEndpoint(() => refused));
  await runSync(context, job);
  now += 13 * 86_400_000;
  expect((await runSync(context, job)).counts).toMatchObject({ refused: 1, givenUp: 0 });
  now += 86_400_000;
  expect((await runSync(context, job)).counts).toMatchObject({ refused: 0, givenUp: 1 });
});

test('a failed row that changes starts anew, one that disappears is forgotten', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(2));
  const job = await world.job();
  const context = world.withEndpoint(fakeEndpoint(() => refused));
  await runSync(context, job);
  await runSync(context, job);
  expect(await failingKeys(world)).toEqual(['1×2', '2×2']);
  await world.sql(`UPDATE people SET name = 'x' WHERE id = 1`, 'DELETE FROM people WHERE id = 2');
  await runSync(context, job);
  expect(await failingKeys(world)).toEqual(['1×1']);
  await world.sql('DELETE FROM people');
  await runSync(context, job);
  expect(await failingKeys(world)).toEqual([]);
});

test('the rows of an earlier sync stay readable, page by page', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(25));
  const job = await world.job();
  const first = await runSync(world.withEndpoint(fakeEndpoint(() => refused)), job);
  await runSync(world.withEndpoint(fakeEndpoint()), job);
  const seen: (string | null)[] = [];
  let next: string | undefined;
  do {
    const page = await syncRows(world.db, first.id, 'failed', { limit: 10, ...(next === undefined ? {} : { next }) });
    seen.push(...page.items.map(({ recordId }) => recordId));
    next = page.next ?? undefined;
  } while (next !== undefined);
  expect(seen).toHaveLength(25);
  expect(new Set(seen).size).toBe(25);
});

test('what the action refuses has the action’s own words', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(2));
  const fields = { user_id: { '@path': '$.properties.nothing' }, traits: {} };
  const job = await world.job({ fields, query: 'SELECT id, email, NULL::INTEGER AS nothing FROM people' });
  const sync = await runSync(world.context, job);
  expect(sync.state).toBe('failed');
  const { items } = await syncRows(world.db, sync.id, 'failed');
  expect(items[0]).toMatchObject({
    code: 'PAYLOAD_VALIDATION_FAILED',
    reason: 'Either `Anonymous ID` or `User ID` must be defined.',
  });
});

test('a row or a value over its limit is refused with column and size, the others go on', async () => {
  await using world = await openWorld();
  await world.sql(
    peopleTable(3),
    `UPDATE people SET name = repeat('x', 200 * 1024) WHERE id = 1`,
    `UPDATE people SET name = repeat('x', 100 * 1024), email = repeat('y', 100 * 1024) WHERE id = 2`,
  );
  const job = await world.job({
    query: 'SELECT id, email, name, email AS a, email AS b, email AS c, email AS d, email AS e FROM people',
    fields: { user_id: { '@path': '$.__segment_id' }, traits: { '@path': '$.properties' } },
  });
  const sync = await runSync(world.context, job);
  expect(sync).toMatchObject({ state: 'partially succeeded', counts: { delivered: 1, refused: 2 } });
  const { items } = await syncRows(world.db, sync.id, 'failed');
  const reasons = Object.fromEntries(items.map(({ recordId, reason }) => [recordId, reason]));
  expect(reasons['1']).toMatch(/name.*204,?80\d|200/);
  expect(reasons['2']).toMatch(/KiB|bytes/);
  expect(reasons['1']).toContain('--value-bytes');
  expect(reasons['2']).toContain('--record-bytes');
  expect(items.every(({ code }) => code === 'row_too_large')).toBe(true);
});

test('text that cannot be stored is refused by the space, one row, and remembered by its id', async () => {
  await using world = await openWorld();
  await world.sql(
    'CREATE TABLE people (id VARCHAR, email VARCHAR, name VARCHAR)',
    `INSERT INTO people VALUES ('1', 'a', 'n'), ('2' || chr(0) || '\\', 'b', 'n'), ('3', 'c' || chr(0), 'n')`,
  );
  const job = await world.job();
  const sync = await runSync(world.context, job);
  expect(sync).toMatchObject({ state: 'partially succeeded', counts: { delivered: 1, refused: 2 } });
  const { items } = await syncRows(world.db, sync.id, 'failed');
  expect(items.map(({ recordId, code }) => [recordId, code])).toEqual([
    ['2\u2400\\', 'text_not_storable'],
    ['3', 'text_not_storable'],
  ]);
  expect((await runSync(world.context, job)).counts).toMatchObject({ refused: 2, retried: 2 });
});

test('a mapping that throws on one row refuses that row', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3), 'UPDATE people SET name = NULL WHERE id = 2');
  const fields = {
    user_id: { '@path': '$.__segment_id' },
    traits: { hello: { '@template': { '@path': '$.properties.name' } } },
  };
  const sync = await runSync(world.context, await world.job({ fields }));
  expect(sync).toMatchObject({ state: 'partially succeeded', counts: { delivered: 2, refused: 1 } });
  const { items } = await syncRows(world.db, sync.id, 'failed');
  expect(items).toMatchObject([{ recordId: '2', code: 'mapping_failed', reason: expect.stringContaining('hello') }]);
});

describe.each(['duckdb', 'postgres'] as const)('an identifier that is too long to be remembered: %s', (engine) => {
  // Text that does not compress: no index would take it.
  const long = Array.from({ length: 300 }, (_, n) => createHash('sha256').update(String(n)).digest('hex')).join('');
  const people = [
    'CREATE TABLE people (id VARCHAR, email VARCHAR, name VARCHAR)',
    `INSERT INTO people VALUES ('${long}', 'a', 'n'), ('${long}2', 'b', 'n'), ('3', 'c', 'n')`,
  ];

  test('is refused, and the others go on', async () => {
    await using world = await openWorld({ engine });
    await world.sql(...people);
    const job = await world.job();
    const sync = await runSync(world.context, job);
    expect(sync).toMatchObject({ state: 'partially succeeded', counts: { delivered: 1, refused: 2 } });
    const { items } = await syncRows(world.db, sync.id, 'failed');
    expect(items.map(({ recordId }) => recordId)).toContain(long);
    expect(items[0]).toMatchObject({ code: 'identifier_too_long', reason: expect.stringContaining('bytes') });
    expect((await runSync(world.context, job)).counts).toMatchObject({ refused: 2, retried: 2, unchanged: 1 });
  });

  test('is refused when the trigger would skip it', async () => {
    await using world = await openWorld({ engine });
    await world.sql(...people);
    const job = await world.job({ trigger: 'event = "deleted"' });
    expect((await runSync(world.context, job)).counts).toMatchObject({ skipped: 1, refused: 2 });
    expect((await runSync(world.context, job)).counts).toMatchObject({ skipped: 0, unchanged: 1 });
  });
});

test('an unknown space refuses its rows with a clear reason', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(4));
  const fields = {
    user_id: { '@path': '$.__segment_id' },
    engage_space: {
      // biome-ignore lint/suspicious/noThenProperty: the directive is called so
      '@if': { exists: { '@path': '$.properties.name' }, then: world.space.writeKey, else: 'nowhere' },
    },
  };
  await world.sql('UPDATE people SET name = NULL WHERE id = 3');
  const sync = await runSync(world.context, await world.job({ fields }));
  expect(sync.counts).toMatchObject({ delivered: 3, refused: 1 });
  const { items } = await syncRows(world.db, sync.id, 'failed');
  expect(items).toMatchObject([{ recordId: '3', code: 'space_unknown' }]);
});

test.each(['duckdb', 'postgres'] as const)(
  'a value nested too deep refuses its row, the others go on: %s',
  async (engine) => {
    await using world = await openWorld({ engine });
    const nest = (levels: number) => `'${'['.repeat(levels)}${']'.repeat(levels)}'::JSON`;
    await world.sql(
      'CREATE TABLE people (id INTEGER, tags JSON)',
      `INSERT INTO people VALUES (1, '[1]'), (2, ${nest(501)}), (3, ${nest(4_500)}), (4, ${nest(5_500)}), (5, '[2]')`,
    );
    const fields = {
      user_id: { '@path': '$.__segment_id' },
      traits: { tags: { '@path': '$.properties.tags' } },
    };
    const sync = await runSync(world.context, await world.job({ query: 'SELECT id, tags FROM people', fields }));
    expect(sync).toMatchObject({ state: 'partially succeeded', counts: { delivered: 2, refused: 3 } });
    const { items } = await syncRows(world.db, sync.id, 'failed');
    expect(items.map(({ recordId, code }) => `${recordId} ${code}`).sort()).toEqual(
      ['2', '3', '4'].map((recordId) => `${recordId} row_too_large`),
    );
    expect(items[0]?.reason).toContain('column tags is nested deeper than 500 levels');
  },
);
