/** `/events/volume`, `/delivery-overview/…` and delivery metrics: what is recorded, over time. */
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testLog } from '../../../../test/database.ts';
import { excludeSyncs } from '../../../sync/sync.ts';
import {
  commandLine,
  createDiscardLog,
  createEventStream,
  createUsage,
  editWorkspace,
  openSecrets,
} from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
const ids = { source: '', stream: '', destination: '', mapping: '', other: '' };

beforeAll(async () => {
  server = await openPublicApi();
  const { db, space } = server;
  ids.stream = (await createEventStream(db, { name: 'web', spaces: [space.id], clientSide: true })).id;
  const secrets = await openSecrets({ key: '0'.repeat(64), dataFolder: tmpdir() });
  const context = { db, secrets, actor: commandLine, spaceHasProfiles: async () => false, excludeSyncs };
  const named = { title: null, enabled: true };
  const { workspace } = await editWorkspace(context, (draft) => {
    draft.put('source', { name: 'shop', ...named, engine: 'postgres', settings: {}, extraSettings: {} });
    const query = { description: '', query: 'select 1 as id', identifierColumn: 'id', schedule: null };
    draft.put('model', { name: 'customers', ...named, source: 'shop', ...query });
    const slug = 'actions-segment-profiles';
    draft.put('destination', { name: 'profiles', ...named, source: 'shop', slug, settings: { endpoint: 'local' } });
    const mapping = { ...named, destination: 'profiles', model: 'customers', trigger: 'event = "new"', skipNulls: [] };
    const rest = { skipBackfill: false, guardPercent: null, schedule: null, fields: { engage_space: space.writeKey } };
    draft.put('mapping', { name: 'people', ...mapping, ...rest, action: 'sendIdentify' });
    draft.put('mapping', { name: 'orders', ...mapping, ...rest, action: 'sendTrack' });
  });
  ids.source = workspace.sources[0]?.id as string;
  ids.destination = workspace.destinations[0]?.id as string;
  ids.mapping = workspace.mappings.find(({ name }) => name === 'people')?.id as string;
  ids.other = workspace.mappings.find(({ name }) => name === 'orders')?.id as string;

  const sync = async (id: string, mappingId: string, finishedAt: string | null, counts: readonly number[]) => {
    await db.pool.query(
      `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, started_at, finished_at,
         added, updated, deleted, invalid, delivered, refused, given_up, skipped)
       VALUES ($1, $2, 'm', 'm', 'd', $3, '2026-03-19T00:00:00Z', $4, ${counts.map((_, at) => `$${at + 5}`).join()})`,
      [id, mappingId, finishedAt === null ? 'loading' : 'partially succeeded', finishedAt, ...counts],
    );
  };
  await sync('1', ids.mapping, '2026-03-19T10:59:59.999Z', [10, 5, 1, 3, 9, 4, 1, 2]);
  await sync('2', ids.mapping, '2026-03-20T11:30:00Z', [2, 0, 0, 0, 2, 0, 0, 0]);
  await sync('3', ids.other, '2026-03-20T11:45:30Z', [4, 0, 0, 0, 3, 1, 0, 0]);
  await sync('4', ids.mapping, null, [100, 0, 0, 0, 50, 0, 0, 0]);
  await db.pool.query(
    `INSERT INTO sync_rows (sync_id, no, kind, record_id, rows, code, reason)
     VALUES ('1', 1, 'invalid', NULL, 2, 'null_identifier', 'r'), ('1', 2, 'refused', 'a', 1, 'REFUSED', 'r'),
            ('1', 3, 'later', 'b', 1, 'LATER', 'r'), ('1', 4, 'refused', 'c', 1, 'REFUSED', 'r'),
            ('1', 5, 'refused', 'd', 1, 'REFUSED', 'r'), ('1', 6, 'given up', 'e', 1, 'given_up', 'r'),
            ('3', 1, 'refused', 'f', 1, 'REFUSED', 'r')`,
  );
  await countMessages();
  await db.pool.query(
    `INSERT INTO usage_calls VALUES ('2026-03-18', $1, 1, 7), ('2026-03-20', $1, 1, 3), ('2026-03-21', $1, 1, 99)`,
    [ids.stream],
  );
  await db.pool.query(`INSERT INTO usage_exempt VALUES ('2026-03-19', $1, 1, 9)`, [space.id]);
  // Of the days of the stream some were counted before names were.
  await db.pool.query(
    `INSERT INTO event_counts VALUES (true, '2026-03-20', $1, 1, '', 'track', 'Paid', 2),
       (true, '2026-03-20', $1, 1, '', 'identify', '', 1), (true, '2026-03-18', $1, 1, '', 'track', 'Paid', 1),
       (true, '2026-03-18', $1, 1, '', 'page', 'Page Viewed', 2), (true, '2026-03-19', $2, 1, '', 'track', 'Paid', 5),
       (true, '2026-03-19', $1, 0, 'no_user', 'track', 'Paid', 3)`,
    [ids.stream, space.id],
  );
  await db.pool.query(
    `INSERT INTO stream_discards VALUES ($1, '2026-03-19', 'no_user', 4, now(), now(), '{}'),
       ($1, '2026-03-20', 'too_large', 1, now(), now(), '{}')`,
    [ids.stream],
  );
});
afterAll(() => server[Symbol.asyncDispose]());

/** As the Tracking API and a sync count them, at these moments. */
async function countMessages(): Promise<void> {
  const { db, space } = server;
  const at = (time: string) => ({ now: () => new Date(`2026-03-20T${time}Z`) });
  for (const [time, calls] of [
    ['08:00:00.000', 2],
    ['10:00:59.999', 1],
    ['10:59:59.999', 2],
  ] as const) {
    const message = { type: 'track', event: 'x', userId: 'u' };
    const one = { sourceId: ids.stream, receivedAt: at(time).now(), message };
    await db.transaction((tx) =>
      createUsage().count(
        tx,
        1,
        Array.from({ length: calls }, () => one),
      ),
    );
  }
  await db.transaction((tx) =>
    createUsage({ clock: at('10:59:00.000') }).exempt(tx, 1, space.id, Array(4).fill({ type: 'identify' })),
  );
  // What these added to the days is not part of the example.
  await db.pool.query('TRUNCATE usage_calls, usage_exempt');
  for (const [time, code, count] of [
    ['10:00:00.000', 'no_user', 2],
    ['10:02:30.000', 'no_user', 3],
    ['10:02:31.000', 'too_large', 1],
  ] as const) {
    await using discards = createDiscardLog({ db: db.pool, clock: at(time), log: testLog() });
    discards.note(ids.stream, code, null, count, { type: 'track', name: `by ${code}` });
    discards.note('', code, null, count, { type: 'track', name: 'of nobody' });
  }
  await db.pool.query('TRUNCATE stream_discards');
  await db.pool.query('DELETE FROM event_counts WHERE is_day');
}

const get = async (path: string, parameters: Readonly<Record<string, string>>) => {
  const { status, json } = await server.call('GET', `${path}?${new URLSearchParams(parameters)}`);
  return { status, data: json.data, fields: json.errors?.map(({ field }: { field?: string }) => field) };
};
const days = { startTime: '2026-03-18T00:00:00Z', endTime: '2026-03-21T00:00:00Z', granularity: 'day' };
const dayTimes = ['2026-03-18', '2026-03-19', '2026-03-20'].map((day) => `${day}T00:00:00.000Z`);
const series = (...counts: number[]) => counts.map((count, at) => ({ time: dayTimes[at], count }));

describe('volume', () => {
  test('of the workspace, day by day, days without anything too', async () => {
    const { data } = await get('/events/volume', days);
    expect(data).toEqual({
      path: '/events/volume',
      query: {
        ...{ workspaceId: 'workspace', granularity: 'DAY' },
        ...{ startTime: dayTimes[0], endTime: '2026-03-21T00:00:00.000Z' },
      },
      result: [{ total: 19, series: series(7, 9, 3) }],
      pagination: { current: 'MA==', totalEntries: 1 },
    });
  });

  test('by hour and minute: what streams brought and syncs wrote', async () => {
    const hours = { startTime: '2026-03-20T08:00:00Z', endTime: '2026-03-20T11:30:00Z', granularity: 'HOUR' };
    const times = ['08', '09', '10', '11'].map((hour) => `2026-03-20T${hour}:00:00.000Z`);
    const counts = (data: { result: { series: { time: string; count: number }[] }[] }) =>
      data.result.map(({ series: parts }) => parts.map(({ count }) => count));
    const volume = (await get('/events/volume', hours)).data;
    expect(volume.result[0].series.map(({ time }: { time: string }) => time)).toEqual(times);
    expect(counts(volume)).toEqual([[2, 0, 7, 0]]);
    expect(counts((await get('/events/volume', { ...hours, groupBy: 'source' })).data)).toEqual([
      [2, 0, 3, 0],
      [0, 0, 4, 0],
    ]);
    const minutes = { startTime: '2026-03-20T10:58:00Z', endTime: '2026-03-20T11:00:01Z', granularity: 'MINUTE' };
    expect(counts((await get('/events/volume', minutes)).data)).toEqual([[0, 6, 0]]);
  });

  test('by source, the largest first; of some sources', async () => {
    const { data } = await get('/events/volume', { ...days, groupBy: 'source' });
    expect(data.result).toEqual([
      { source: { id: ids.stream, name: 'web', slug: 'web' }, total: 10, series: series(7, 0, 3) },
      {
        source: { id: server.space.id, name: 'Engage (shop)', slug: 'personas_shop' },
        ...{ total: 9, series: series(0, 9, 0) },
      },
    ]);
    expect((await get('/events/volume', { ...days, 'sourceId.0': ids.stream })).data.result[0].total).toBe(10);
    expect((await get('/events/volume', { ...days, 'sourceId.0': 'none' })).data.result).toEqual([
      { total: 0, series: series(0, 0, 0) },
    ]);
  });

  test('by type and name; what was counted before there were any is in a row without them', async () => {
    const volume = async (more: Readonly<Record<string, string>>) =>
      (await get('/events/volume', { ...days, ...more })).data;
    const of = { source: { id: ids.stream, name: 'web', slug: 'web' } };
    const grouping = { 'groupBy[0]': 'eventName', 'groupBy[1]': 'eventType', 'groupBy[2]': 'source' };
    const other = { source: { id: server.space.id, name: 'Engage (shop)', slug: 'personas_shop' } };
    expect((await volume(grouping)).result).toEqual([
      { ...other, eventType: 'track', eventName: 'Paid', total: 5, series: series(0, 5, 0) },
      { ...of, total: 4, series: series(4, 0, 0) },
      { ...other, total: 4, series: series(0, 4, 0) },
      { ...of, eventType: 'track', eventName: 'Paid', total: 3, series: series(1, 0, 2) },
      { ...of, eventType: 'page', eventName: 'Page Viewed', total: 2, series: series(2, 0, 0) },
      { ...of, eventType: 'identify', total: 1, series: series(0, 0, 1) },
    ]);
    expect((await volume({ groupBy: 'eventType' })).result).toEqual([
      ...[{ eventType: 'track', total: 8, series: series(1, 5, 2) }],
      ...[{ total: 8, series: series(4, 4, 0) }],
      ...[{ eventType: 'page', total: 2, series: series(2, 0, 0) }],
      ...[{ eventType: 'identify', total: 1, series: series(0, 0, 1) }],
    ]);
  });

  test('of some types and names alone; the answer repeats what was asked', async () => {
    const volume = async (more: Readonly<Record<string, string>>) =>
      (await get('/events/volume', { ...days, ...more })).data;
    const paid = await volume({ 'eventName.0': 'Paid' });
    expect([paid.query.eventName, paid.result]).toEqual([['Paid'], [{ total: 8, series: series(1, 5, 2) }]]);
    const types = { 'eventType.0': 'page', 'eventType.1': 'identify', groupBy: 'eventName' };
    const some = await volume(types);
    expect(some.query).toMatchObject({ eventType: ['page', 'identify'], groupBy: ['eventName'] });
    expect(some.result).toEqual([
      { eventName: 'Page Viewed', total: 2, series: series(2, 0, 0) },
      { total: 1, series: series(0, 0, 1) },
    ]);
    expect((await volume({ eventName: 'Paid', eventType: 'track', sourceId: ids.stream })).result[0].total).toBe(3);
    for (const [key, none] of [
      ['eventName', 'paid'],
      ['eventName', 'Pa\0id'],
      ['eventType', 'screen'],
      ['eventType', 'trac\0k'],
    ] as const) {
      expect((await volume({ [key]: none })).result).toEqual([{ total: 0, series: series(0, 0, 0) }]);
    }
    expect((await volume({ eventName: 'none', groupBy: 'source' })).result).toEqual([]);
  });

  test('by hour and name, as they were counted', async () => {
    const hours = { startTime: '2026-03-20T10:00:00Z', endTime: '2026-03-20T11:00:00Z', granularity: 'HOUR' };
    const { result } = (await get('/events/volume', { ...hours, groupBy: 'eventName,eventType' })).data;
    expect(result).toMatchObject([
      { eventType: 'identify', total: 4 },
      { eventType: 'track', eventName: 'x', total: 3 },
    ]);
  });

  test.each([
    [{}, ['startTime', 'endTime', 'granularity']],
    [{ ...days, granularity: 'YEAR', groupBy: 'x' }, ['granularity', 'groupBy']],
    [{ ...days, granularity: 'MINUTE' }, ['endTime', 'startTime']],
    [{ ...days, startTime: '2026-03-22', appVersion: '1' }, ['endTime', 'appVersion']],
    [{ ...days, groupBy: 'appVersion' }, ['groupBy']],
    [{ ...days, startTime: '2025-03-01' }, ['endTime']],
    [{ ...days, startTime: '2026-13-01' }, ['startTime']],
  ])('%j: %j', async (parameters, fields) => {
    expect(await get('/events/volume', parameters)).toMatchObject({ status: 422, fields });
  });
});

describe('the delivery overview', () => {
  const step = (name: string, more: Readonly<Record<string, string>> = {}) =>
    get(`/delivery-overview/${name}`, { sourceId: ids.source, destinationConfigId: ids.destination, ...days, ...more });

  test('of a warehouse: rows of syncs, where they ended; one that runs does not count', async () => {
    expect((await step('successfully-received', { groupBy: 'event Name' })).data).toEqual({
      total: 22,
      dataset: [
        { eventName: 'new', total: 16, series: series(0, 10, 6) },
        { eventName: 'updated', total: 5, series: series(0, 5, 0) },
        { eventName: 'deleted', total: 1, series: series(0, 1, 0) },
      ],
      pagination: { current: 'MA==', totalEntries: 3 },
    });
    expect((await step('filtered-at-source')).data).toMatchObject({
      total: 0,
      dataset: [{ total: 0, series: series(0, 0, 0) }],
    });
    expect((await step('filtered-at-destination', { groupBy: 'discardReason' })).data.dataset).toEqual([
      { discardReason: 'skipped', total: 2, series: series(0, 2, 0) },
    ]);
    expect((await step('successful-delivery')).data).toMatchObject({ total: 14 });
  });

  test('reasons; what is not listed is there as well', async () => {
    const reasons = async (name: string, more = {}) =>
      (await step(name, { groupBy: 'discardReason', ...more })).data.dataset.map(
        ({ discardReason, total }: { discardReason: string; total: number }) => [discardReason, total],
      );
    expect(await reasons('failed-on-ingest')).toEqual([
      ['null_identifier', 2],
      ['unlisted', 1],
    ]);
    expect(await reasons('failed-delivery')).toEqual([
      ['REFUSED', 4],
      ['LATER', 1],
      ['given_up', 1],
    ]);
    expect(await reasons('failed-delivery', { 'filter[discardReason][0]': 'LATER' })).toEqual([['LATER', 1]]);
    expect(await reasons('failed-delivery', { 'filter[eventType].0': 'track' })).toEqual([['REFUSED', 1]]);
  });

  test('of one mapping, in both generations’ words; by its type and space', async () => {
    for (const name of ['subscriptionId', 'filter.subscriptionId']) {
      expect((await step('successful-delivery', { [name]: ids.mapping })).data.total).toBe(11);
    }
    const { data } = await step('successful-delivery', { 'groupBy.0': 'eventType', 'groupBy.1': 'spaceId' });
    expect(data.dataset).toMatchObject([
      { eventType: 'identify', spaceId: server.space.id, total: 11 },
      { eventType: 'track', spaceId: server.space.id, total: 3 },
    ]);
    expect(data.total).toBe(14);
  });

  test('by hour and minute', async () => {
    const hours = { startTime: '2026-03-20T10:30:00Z', endTime: '2026-03-20T12:00:00Z', granularity: 'HOUR' };
    const { data } = await step('successful-delivery', hours);
    expect(data.dataset[0].series).toEqual([
      { time: '2026-03-20T10:00:00.000Z', count: 0 },
      { time: '2026-03-20T11:00:00.000Z', count: 5 },
    ]);
    const minutes = { ...hours, startTime: '2026-03-20T11:40:00Z', granularity: 'MINUTE' };
    const counted = (await step('successful-delivery', minutes)).data.dataset[0].series;
    expect([counted.length, counted.filter(({ count }: { count: number }) => count > 0)]).toEqual([
      20,
      [{ time: '2026-03-20T11:45:00.000Z', count: 3 }],
    ]);
  });

  test('of an event stream: messages and discards by day', async () => {
    const ofStream = { sourceId: ids.stream };
    expect((await step('successfully-received', ofStream)).data).toMatchObject({
      ...{ total: 10, dataset: [{ total: 10, series: series(7, 0, 3) }] },
    });
    expect((await step('failed-on-ingest', { ...ofStream, groupBy: 'discardReason,appVersion' })).data.dataset).toEqual(
      [
        { discardReason: 'no_user', total: 4, series: series(0, 4, 0) },
        { discardReason: 'too_large', total: 1, series: series(0, 0, 1) },
      ],
    );
    expect(await step('failed-on-ingest', { ...ofStream, 'filter.appVersion': 'x' })).toMatchObject({
      ...{ status: 422, fields: ['filter.appVersion'] },
    });
  });

  test('of an event stream and a space by type and name', async () => {
    const ofStream = { sourceId: ids.stream };
    const received = async (more: Readonly<Record<string, string>>) => (await step('successfully-received', more)).data;
    expect(await received({ ...ofStream, 'groupBy.0': 'event Name', 'groupBy.1': 'eventType' })).toMatchObject({
      total: 10,
      dataset: [
        { total: 4, series: series(4, 0, 0) },
        { eventName: 'Paid', eventType: 'track', total: 3, series: series(1, 0, 2) },
        { eventName: 'Page Viewed', eventType: 'page', total: 2, series: series(2, 0, 0) },
        { eventType: 'identify', total: 1, series: series(0, 0, 1) },
      ],
    });
    const narrow = { ...ofStream, 'filter[eventName][0]': 'Paid', 'filter[eventType][0]': 'track' };
    expect(await received(narrow)).toMatchObject({ total: 3, dataset: [{ series: series(1, 0, 2) }] });
    expect(await received({ sourceId: server.space.id, groupBy: 'eventName' })).toMatchObject({
      dataset: [{ eventName: 'Paid', total: 5 }, { total: 4 }],
    });
    const failed = async (more: Readonly<Record<string, string>>) =>
      (await step('failed-on-ingest', { ...ofStream, ...more })).data;
    expect((await failed({ groupBy: 'discardReason,eventName' })).dataset).toEqual([
      { discardReason: 'no_user', eventName: 'Paid', total: 3, series: series(0, 3, 0) },
      { discardReason: 'no_user', total: 1, series: series(0, 1, 0) },
      { discardReason: 'too_large', total: 1, series: series(0, 0, 1) },
    ]);
    expect((await failed({ 'filter.eventName': 'Paid' })).total).toBe(3);
    expect((await failed({ 'filter.eventName': 'Paid', 'filter.discardReason': 'too_large' })).total).toBe(0);
    const minutes = { startTime: '2026-03-20T10:00:00Z', endTime: '2026-03-20T10:05:00Z', granularity: 'MINUTE' };
    expect((await failed({ ...minutes, groupBy: 'eventName' })).dataset).toMatchObject([
      { eventName: 'by no_user', total: 5 },
      { eventName: 'by too_large', total: 1 },
    ]);
  });

  test('at which attempt rows were delivered is refused in plain words', async () => {
    const query = { sourceId: ids.source, destinationConfigId: ids.destination, ...days };
    const asked = new URLSearchParams({ ...query, 'filter[discardReason][0]': 'successes.attempt.1' });
    const { status, json } = await server.call('GET', `/delivery-overview/successful-delivery?${asked}`);
    expect(status).toBe(422);
    expect(json.errors[0].message).toContain('at which attempt a row was delivered is not recorded');
  });

  test('of an event stream by hour and minute, as its messages were counted', async () => {
    const counted = async (name: string, more: Readonly<Record<string, string>>) => {
      const { data } = await step(name, { sourceId: ids.stream, ...more });
      return data.dataset.map((row: { discardReason?: string; series: { time: string; count: number }[] }) => [
        row.discardReason,
        ...row.series.flatMap(({ time, count }) => (count === 0 ? [] : [[time.slice(11, 16), count]])),
      ]);
    };
    const hours = { startTime: '2026-03-20T08:30:00Z', endTime: '2026-03-20T11:59:00Z', granularity: 'HOUR' };
    expect(await counted('successfully-received', hours)).toEqual([[undefined, ['08:00', 2], ['10:00', 3]]]);
    const minutes = { startTime: '2026-03-20T10:00:30Z', endTime: '2026-03-20T11:00:00Z', granularity: 'MINUTE' };
    expect(await counted('successfully-received', minutes)).toEqual([[undefined, ['10:00', 1], ['10:59', 2]]]);
    const byReason = { ...hours, groupBy: 'discardReason' };
    expect(await counted('failed-on-ingest', byReason)).toEqual([
      ['no_user', ['10:00', 5]],
      ['too_large', ['10:00', 1]],
    ]);
    expect(await counted('failed-on-ingest', { ...byReason, ...minutes })).toEqual([
      ['no_user', ['10:00', 2], ['10:02', 3]],
      ['too_large', ['10:02', 1]],
    ]);
  });

  test('limits of the range, and what is missing', async () => {
    const fields = async (more: Readonly<Record<string, string>>) => (await step('failed-delivery', more)).fields;
    expect(await fields({ startTime: '2026-03-19T00:00:00Z', granularity: 'MINUTE' })).toEqual(['endTime']);
    expect(await fields({ startTime: '2026-03-01', endTime: '2026-03-18' })).toBeUndefined();
    expect(await fields({ startTime: '2026-03-01', endTime: '2026-03-18', granularity: 'HOUR' })).toEqual(['endTime']);
    expect(await fields({ startTime: '2026-02-01', endTime: '2026-02-02' })).toEqual(['startTime']);
    expect(await fields({ sourceId: '', destinationConfigId: '' })).toEqual(['sourceId', 'destinationConfigId']);
    expect((await step('failed-delivery', { destinationConfigId: 'none' })).status).toBe(404);
    expect((await step('failed-delivery', { sourceId: 'none' })).status).toBe(404);
    expect((await step('nonsense')).status).toBe(404);
  });
});

test('delivery metrics of a destination', async () => {
  const path = `/destinations/${ids.destination}/delivery-metrics`;
  const { data } = await get(path, { sourceId: ids.source, granularity: 'DAY' });
  expect(data).toEqual({
    deliveryMetricsSummary: {
      sourceId: ids.source,
      destinationMetadataId: '639c2dbb1309fdcad13951b6',
      metrics: [
        { metricName: 'successes', total: 14 },
        {
          ...{ metricName: 'failures', total: 6 },
          breakdown: [
            { metricName: 'LATER', value: 1 },
            { metricName: 'REFUSED', value: 4 },
            { metricName: 'given_up', value: 1 },
          ],
        },
        { metricName: 'discarded', total: 2, breakdown: [{ metricName: 'skipped', value: 2 }] },
      ],
    },
  });
  const lastHour = await get(path, { sourceId: ids.source });
  expect(lastHour.data.deliveryMetricsSummary.metrics[0]).toEqual({ metricName: 'successes', total: 5 });
  expect((await get(path, {})).fields).toEqual(['sourceId']);
  expect((await get(path, { sourceId: ids.source, startTime: '2026-01-01' })).fields).toEqual(['endTime', 'startTime']);
  expect((await get(path, { sourceId: ids.stream })).status).toBe(404);
  expect((await get('/destinations/none/delivery-metrics', { sourceId: ids.source })).status).toBe(404);
});
