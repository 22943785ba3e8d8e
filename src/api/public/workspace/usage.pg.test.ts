/** The usage reports over HTTP. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createUsage } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
beforeAll(async () => {
  server = await openPublicApi();
  const usage = createUsage({ clock: server.clock });
  const sent = (sourceId: string, day: number, message: { userId?: string; anonymousId?: string }) => ({
    sourceId,
    receivedAt: new Date(Date.UTC(2026, 2, day, 9)),
    message: { type: 'track', event: 'x', ...message },
  });
  await server.db.transaction((tx) =>
    usage.count(tx, server.space.no, [
      sent('evs_app', 1, { anonymousId: 'a-app' }),
      sent('evs_app', 1, { userId: '7', anonymousId: 'a-app' }),
      sent('evs_web', 3, { anonymousId: 'a-web' }),
    ]),
  );
  await server.db.transaction((tx) =>
    usage.exempt(tx, server.space.no, 'spa_1', Array(2_000).fill({ type: 'identify' })),
  );
});
afterAll(() => server[Symbol.asyncDispose]());

test('API calls and tracked users, of the workspace and by source', async () => {
  const calls = (await server.call('GET', '/usage/api-calls/daily?period=2026-03-01')).json.data;
  expect(calls.pagination).toEqual({ current: 'MA==', totalEntries: 20 });
  expect(calls.dailyWorkspaceAPICallsUsage.slice(0, 3)).toEqual([
    { apiCalls: '2', timestamp: '2026-03-01T00:00:00.000Z' },
    { apiCalls: '2', timestamp: '2026-03-02T00:00:00.000Z' },
    { apiCalls: '3', timestamp: '2026-03-03T00:00:00.000Z' },
  ]);
  const mtu = (await server.call('GET', '/usage/mtu/daily?period=2026-03-01')).json.data.dailyWorkspaceMTUUsage;
  expect(mtu[2]).toEqual({
    ...{ periodStart: Date.UTC(2026, 2) / 1000, periodEnd: Date.UTC(2026, 3) / 1000 },
    ...{ anonymous: '2', anonymousIdentified: '1', identified: '1', neverIdentified: '1' },
    timestamp: '2026-03-03T00:00:00.000Z',
  });
  const bySource = (await server.call('GET', '/usage/mtu/sources/daily?period=2026-03-01')).json.data;
  expect(bySource.dailyPerSourceMTUUsage.map(({ sourceId }: { sourceId: string }) => sourceId)).toContain('evs_web');
});

test('messages of the destination are exempt, and shown apart', async () => {
  const exempt = (await server.call('GET', '/usage/exempt/daily?period=2026-03-01')).json.data
    .dailyWorkspaceExemptUsage;
  expect([exempt.at(0), exempt.at(-1)]).toEqual([
    { messages: '0', timestamp: '2026-03-01T00:00:00.000Z' },
    { messages: '2000', timestamp: '2026-03-20T00:00:00.000Z' },
  ]);
  const headers = { accept: 'application/vnd.segment.v1+json' };
  expect((await server.call('GET', '/usage/exempt/daily?period=2026-03-01', { headers })).status).toBe(406);
});

test('page by page, each row once, however the query is written', async () => {
  const url = '/usage/api-calls/sources/daily?period=2026-03-01';
  const whole = (await server.call('GET', `${url}&pagination.count=1000`)).json.data.dailyPerSourceAPICallsUsage;
  expect(whole).toHaveLength(40);
  const rows: unknown[] = [];
  for (let cursor = 'MA=='; cursor !== undefined; ) {
    const { json } = await server.call('GET', `${url}&pagination%5Bcount%5D=15&pagination%5Bcursor%5D=${cursor}`);
    rows.push(...json.data.dailyPerSourceAPICallsUsage);
    expect(json.data.pagination.current).toBe(cursor);
    cursor = json.data.pagination.next;
  }
  expect(rows).toEqual(whole);
});

test('every fault of a query at once', async () => {
  const faultsOf = async (query: string) => {
    const { status, json } = await server.call('GET', `/usage/mtu/daily?${query}`);
    return [status, ...json.errors.map(({ field }: { field: string }) => field)];
  };
  expect(await faultsOf('')).toEqual([422, 'period']);
  expect(await faultsOf('period=2026-03-02&pagination[count]=0&pagination[cursor]=canary')).toEqual([
    ...[422, 'pagination.count', 'pagination.cursor', 'period'],
  ]);
});

test('a stable endpoint is offered in every version', async () => {
  for (const version of ['v1', 'stable', 'v1beta', 'beta', 'v1alpha', 'alpha']) {
    const accept = `application/vnd.segment.${version}+json`;
    const { status, headers } = await server.call('GET', '/usage/mtu/daily?period=2026-03-01', { headers: { accept } });
    expect([status, headers['content-type']]).toEqual([200, accept]);
  }
});
