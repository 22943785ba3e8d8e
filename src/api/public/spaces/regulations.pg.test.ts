/** Regulations and suppressions over HTTP, carried out for real. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { testLog } from '../../../../test/database.ts';
import { runRegulations } from '../../../privacy/privacy.ts';
import { createEventStream } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
beforeAll(async () => {
  server = await openPublicApi();
});
beforeEach(() => server.clock.pass(1_000));
afterAll(() => server[Symbol.asyncDispose]());

const regulation = (regulationType: unknown, ...subjectIds: readonly unknown[]) => ({
  body: { regulationType, subjectType: 'USER_ID', subjectIds },
});
const create = async (path: string, type: string, ...ids: readonly string[]): Promise<string> => {
  const { status, json } = await server.call('POST', path, regulation(type, ...ids));
  expect(status).toBe(200);
  return json.data.regulateId;
};
const list = async (path: string) => (await server.call('GET', path)).json.data;
const idsOf = ({ regulations }: { regulations: { id: string }[] }) => regulations.map(({ id }) => id);

test('a person is deleted and suppressed; the status says so', async () => {
  await server.send({ type: 'identify', userId: 'c-1', traits: { plan: 'pro' } });
  const id = await create('/regulations', 'SUPPRESS_WITH_DELETE_INTERNAL', 'c-1');
  expect((await list('/suppressions')).suppressed).toEqual([{ subjectType: 'USER_ID', subjectIds: ['c-1'] }]);
  const waiting = (await list('/regulations')).regulations[0];
  expect(waiting).toEqual({
    ...{ id, subjectType: 'USER_ID', subjects: ['c-1'], status: 'INITIALIZED' },
    ...{ createdAt: server.clock.now().toISOString(), regulationType: 'SUPPRESS_WITH_DELETE_INTERNAL' },
  });
  await runRegulations({ db: server.db, log: testLog(), clock: server.clock });
  const { json } = await server.call('GET', `/regulations/${id}`);
  expect(json.data.regulation).toEqual({
    ...{ id, workspaceId: 'workspace', overallStatus: 'FINISHED' },
    streamStatus: [{ id: server.space.id, destinationStatus: [] }],
    ...{ createdAt: waiting.createdAt, finishedAt: expect.any(String) },
  });
  expect((await server.profile('users/profiles/user_id:c-1/traits')).status).toBe(404);
  await server.send({ type: 'identify', userId: 'c-1', traits: { plan: 'pro' } });
  expect((await server.profile('users/profiles/user_id:c-1/traits')).status).toBe(404);
  await create('/regulations', 'UNSUPPRESS', 'c-1');
  expect((await list('/suppressions')).suppressed).toEqual([]);
});

test('of a source: an event stream or a space, listed apart and without pagination', async () => {
  const stream = await createEventStream(server.db, { name: 'app', spaces: ['shop'], clientSide: false });
  const ofStream = await create(`/regulations/sources/${stream.id}`, 'SUPPRESS_ONLY', 's-1');
  const ofSpace = await create(`/regulations/sources/${server.space.id}`, 'SUPPRESS_ONLY', 's-2');
  expect(idsOf(await list('/regulations'))).not.toContain(ofStream);
  const listed = await list(`/regulations/sources/${stream.id}`);
  expect(Object.keys(listed)).toEqual(['regulations']);
  expect(idsOf(listed)).toEqual([ofStream]);
  expect(idsOf(await list(`/regulations/sources/${server.space.id}`))).toEqual([ofSpace]);
  for (const source of ['evs_none', 'app', 'shop']) {
    const answer = await server.call('POST', `/regulations/sources/${source}`, regulation('SUPPRESS_ONLY', 's'));
    expect([answer.status, answer.json.errors[0].message]).toEqual([404, `Source with id '${source}' not found.`]);
  }
  const settings = { hostname: '127.0.0.1', port: '5432', database: 'shop', username: 'retl', password: 'pw' };
  const warehouse = { slug: 'regulated', enabled: true, metadataId: 'WvlvcGEJsT', settings };
  const { id } = (await server.call('POST', '/sources', { body: warehouse })).json.data.source;
  const answer = await server.call('POST', `/regulations/sources/${id}`, regulation('SUPPRESS_ONLY', 's'));
  expect(answer).toMatchObject({ status: 400, json: { errors: [{ field: 'sourceId' }] } });
  expect(answer.json.errors[0].message).toContain('give the id of such a space');
});

test('lists page by page, by status and type', async () => {
  const made: string[] = [];
  for (const n of [1, 2, 3, 4, 5]) made.unshift(await create('/regulations', 'SUPPRESS_ONLY', `p-${n}`));
  const seen: string[] = [];
  const people: string[] = [];
  for (let cursor = 'MA=='; cursor !== undefined; ) {
    const page = await list(
      `/regulations?pagination.count=2&pagination.cursor=${cursor}&regulationTypes.0=SUPPRESS_ONLY`,
    );
    seen.push(...idsOf(page));
    cursor = page.pagination.next;
  }
  expect(seen).toEqual(made);
  for (let cursor = 'MA=='; cursor !== undefined; ) {
    const page = await list(`/suppressions?pagination[count]=2&pagination[cursor]=${cursor}`);
    people.push(...page.suppressed.flatMap(({ subjectIds }: { subjectIds: string[] }) => subjectIds));
    cursor = page.pagination.next;
  }
  expect(people).toEqual(['p-1', 'p-2', 'p-3', 'p-4', 'p-5', 's-1', 's-2']);
  const types = 'regulationTypes=UNSUPPRESS,DELETE_ONLY';
  expect((await list(`/regulations?${types}`)).regulations).toMatchObject([{ regulationType: 'UNSUPPRESS' }]);
  expect(idsOf(await list(`/regulations?status=FINISHED&${types}`))).toHaveLength(1);
  expect(idsOf(await list('/regulations?status=RUNNING'))).toEqual([]);
  expect(idsOf(await list('/regulations?status=PARTIAL_SUCCESS'))).toEqual([]);
});

test('a deletion can be taken back before it begins, with its suppression', async () => {
  await server.send({ type: 'identify', userId: 'd-1', traits: { plan: 'pro' } });
  const suppressed = async () =>
    (await list('/suppressions')).suppressed.flatMap(({ subjectIds }: { subjectIds: string[] }) => subjectIds);
  const cancel = async (id: string) => {
    const { status, json } = await server.call('DELETE', `/regulations/${id}`);
    return status === 200 ? json.data : [status, json.errors[0].type];
  };
  const id = await create('/regulations', 'SUPPRESS_WITH_DELETE', 'd-1', 'd-2');
  const done = await create('/regulations', 'SUPPRESS_ONLY', 'd-2');
  expect(await suppressed()).toEqual(expect.arrayContaining(['d-1', 'd-2']));
  expect(await cancel(id)).toEqual({ status: 'SUCCESS' });
  expect(await cancel(id)).toEqual([404, 'not-found']);
  expect(await cancel(done)).toEqual([400, 'bad-request']);
  expect((await suppressed()).filter((userId: string) => userId.startsWith('d-'))).toEqual(['d-2']);
  await runRegulations({ db: server.db, log: testLog(), clock: server.clock });
  expect((await server.profile('users/profiles/user_id:d-1/traits')).status).toBe(200);
  const begun = await create('/regulations', 'DELETE_INTERNAL', 'd-1');
  await server.db.pool.query(`UPDATE regulations SET status = 'RUNNING' WHERE id = $1`, [begun]);
  expect(await cancel(begun)).toEqual([400, 'bad-request']);
});

test('a month has a quota of people for each category, and answers say what is left', async () => {
  const limits = ({ headers }: { headers: Readonly<Record<string, unknown>> }) =>
    ['consumed', 'remaining', 'reset'].map((what) => headers[`x-ratelimit-${what}`]);
  const post = (type: string, ...ids: readonly string[]) =>
    server.call('POST', '/regulations', regulation(type, ...ids));
  server.clock.pass(60 * 86_400_000);
  const month = server.clock.now();
  const next = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1));
  expect(limits(await post('UNSUPPRESS', 'q-1', 'q-2', 'q-1'))).toEqual(['2', '109998', next.toUTCString()]);
  expect(limits(await post('DELETE_ONLY', 'q-1'))).toEqual(['1', '109999', next.toUTCString()]);
  // As many as 22 large requests.
  await server.db.pool.query(
    `UPDATE regulations SET subjects = 109_998 WHERE type = 'UNSUPPRESS' AND created_at >= $1`,
    [month],
  );
  const refused = await post('SUPPRESS_ONLY', 'q-3', 'q-4', 'q-5');
  expect([refused.status, ...limits(refused)]).toEqual([429, '109998', '2', next.toUTCString()]);
  const data = { remainingPoints: 2, msBeforeNext: next.getTime() - month.getTime(), consumedPoints: 109_998 };
  expect(refused.json).toEqual({ errors: [{ type: 'RequestError', message: 'Too many requests', data }] });
  expect((await list('/suppressions')).suppressed.flatMap((s: { subjectIds: string[] }) => s.subjectIds)).not.toContain(
    'q-3',
  );
  expect(limits(await post('DELETE_INTERNAL', 'q-3', 'q-4'))).toEqual(['110000', '0', next.toUTCString()]);
  expect((await post('SUPPRESS_ONLY', 'q-5')).status).toBe(429);
  expect(limits(await post('SUPPRESS_WITH_DELETE', 'q-5'))).toEqual(['2', '109998', next.toUTCString()]);
  server.clock.pass(next.getTime() - server.clock.now().getTime());
  expect(limits(await post('SUPPRESS_ONLY', 'q-5'))?.slice(0, 2)).toEqual(['1', '109999']);
});

test('an archive of messages is not kept here, so nothing can be deleted from it alone', async () => {
  const body = { regulationType: 'DELETE_ARCHIVE_ONLY', subjectType: 'ANONYMOUS_ID', subjectIds: ['a-1'] };
  const { status, json } = await server.call('POST', `/regulations/sources/${server.space.id}`, { body });
  expect([status, json.errors.length, json.errors[0].field]).toEqual([422, 1, 'regulationType']);
  expect(json.errors[0].message).toContain('keeps no archive');
  expect(idsOf(await list('/regulations?regulationTypes=DELETE_ARCHIVE_ONLY'))).toEqual([]);
});

test('every fault of a request at once, and nothing is done', async () => {
  const fieldsOf = async (method: 'GET' | 'POST', path: string, body?: object) => {
    const { status, json } = await server.call(method, path, { body });
    return [status, ...json.errors.map(({ field }: { field: string }) => field)];
  };
  const before = idsOf(await list('/regulations'));
  expect(await fieldsOf('POST', '/regulations')).toEqual([422, 'regulationType', 'subjectType', 'subjectIds']);
  const wrong = { regulationType: 'FORGET', subjectType: 'OBJECT_ID', subjectIds: ['a', '', 7, 'x\0'] };
  expect(await fieldsOf('POST', '/regulations', wrong)).toEqual([
    ...[422, 'subjectType', 'regulationType', 'subjectIds.1', 'subjectIds.2', 'subjectIds.3'],
  ]);
  expect(await fieldsOf('POST', '/regulations', { ...wrong, subjectIds: 'a' })).toEqual([
    ...[422, 'subjectType', 'subjectIds', 'regulationType'],
  ]);
  const tooMany = regulation('SUPPRESS_ONLY', ...Array.from({ length: 5_001 }, (_, n) => `u${n}`)).body;
  expect(await fieldsOf('POST', '/regulations', tooMany)).toEqual([422, 'subjectIds']);
  expect(await fieldsOf('GET', '/regulations?status=x&regulationTypes=y&pagination.count=0')).toEqual([
    ...[422, 'pagination.count', 'regulationTypes', 'status'],
  ]);
  for (const path of ['/regulations', '/suppressions']) {
    expect(await fieldsOf('GET', `${path}?pagination.cursor=canary`)).toEqual([422, 'pagination.cursor']);
  }
  expect(idsOf(await list('/regulations'))).toEqual(before);
  expect((await server.call('GET', '/regulations/reg_none')).status).toBe(404);
});
