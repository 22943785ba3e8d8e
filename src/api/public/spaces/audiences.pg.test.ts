/** Audiences over HTTP: their definitions as rows of a real database, and who is in them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testLog } from '../../../../test/database.ts';
import { ComputingSpace } from '../../../audience/audience.test-support.ts';
import { runPreview } from '../../../audience/previews.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let url: string;
beforeAll(async () => {
  server = await openPublicApi();
  url = `/spaces/${server.space.id}/audiences`;
});
beforeEach(async () => {
  server.clock.pass(1_000);
  await server.db.pool.query('TRUNCATE computations, audience_previews');
});
afterAll(() => server[Symbol.asyncDispose]());

const isPro = "trait('plan') = 'pro'";
const bought = "event('Order Completed').count() >= 2";
const funnel =
  "event('Cart Opened').where(event('Order Completed').within(parent: 1 day).count() >= 1).within(7 days).count() >= 1";

type Method = Parameters<PublicServer['call']>[0];
async function call(method: Method, path: string, body?: object) {
  const { status, json } = await server.call(method, path, body === undefined ? {} : { body });
  return { status, ...json } as {
    status: number;
    // biome-ignore lint/suspicious/noExplicitAny: an answer of any shape, looked into by tests
    data: any;
    errors: { type: string; message: string; field?: string }[];
  };
}
const post = (name: string, query: string, more: object = {}) =>
  call('POST', url, { name, audienceType: 'USERS', definition: { query }, ...more });
async function make(name: string, query = isPro, more: object = {}) {
  const { status, data, errors } = await post(name, query, more);
  expect([status, errors]).toEqual([200, undefined]);
  return data.audience;
}
const patch = (id: string, body: object) => call('PATCH', `${url}/${id}`, body);
const get = async (id: string) => (await call('GET', `${url}/${id}`)).data.audience;
async function list(more = '') {
  const { data } = await call('GET', `${url}${more}`);
  return data.audiences.map(({ name }: { name: string }) => name);
}
/** As the worker does at the end of a run. */
const endRuns = () =>
  server.db.pool.query(
    'UPDATE computations SET run_asked_at = NULL, run_cursor = NULL, run_reason = NULL, last_run_at = now()',
  );
async function row(id: string) {
  const { rows } = await server.db.pool.query('SELECT * FROM computations WHERE computation_id = $1', [id]);
  return rows[0];
}
async function computes() {
  const { rows } = await server.db.pool.query('SELECT computes FROM space_heads WHERE space_no = $1', [
    server.space.no,
  ]);
  return rows[0]?.computes;
}
async function events() {
  const { rows } = await server.db.pool.query(
    'SELECT type, resource_id, resource_name, changed FROM audit_events ORDER BY at',
  );
  return rows;
}

describe('making', () => {
  test('the answer has all that both generations of clients read', async () => {
    const made = await make('Big Spenders', bought, { description: '2 orders' });
    const now = server.clock.now().toISOString();
    expect(made).toEqual({
      id: expect.stringMatching(/^aud_\w{27}$/),
      ...{ spaceId: server.space.id, name: 'Big Spenders', key: 'big_spenders', description: '2 orders' },
      ...{ enabled: true, status: 'Backfilling', definition: { query: bought, type: 'users' } },
      ...{ createdBy: 'test', updatedBy: 'test', createdAt: now, updatedAt: now, audienceType: 'USERS' },
      options: {
        includeHistoricalData: true,
        filterByExternalIds: ['user_id', 'email', 'android.idfa', 'ios.idfa'],
        backfillEventDataDays: 7,
      },
      computeCadence: { type: 'REALTIME' },
    });
    expect(await get(made.id)).toEqual(made);
    expect(await row(made.id)).toMatchObject({ run_reason: 'first', run_cursor: '', next_run_at: null });
    expect(await computes()).toBe(true);
  });

  test.each<[query: string, given: object, options: object]>([
    ["event('A').within(36 hours).count() >= 1", {}, { backfillEventDataDays: 2 }],
    [
      "event('A').within(30 days).count() >= 1 AND event('B').within(3 days).count() >= 1",
      {},
      { backfillEventDataDays: 30 },
    ],
    [bought, { backfillEventDataDays: 90 }, { backfillEventDataDays: 90 }],
    [bought, { includeHistoricalData: false }, { includeHistoricalData: false }],
    [isPro, { filterByExternalIds: ['crm_id'] }, { filterByExternalIds: ['crm_id'] }],
    [
      isPro,
      { filterByExternalIds: ['email'], includeAnonymousUsers: true },
      { filterByExternalIds: ['email', 'anonymous_id'] },
    ],
  ])('%s with %j: %j', async (query, given, options) => {
    const made = await make('One', query, { options: given });
    expect(made.options).toMatchObject(options);
    expect('backfillEventDataDays' in made.options).toBe(query !== isPro);
  });

  test('of accounts, in the words of early clients; disabled; computed by and by', async () => {
    const { data } = await call('POST', url, {
      ...{ name: 'Teams', enabled: false, definition: { query: isPro, type: 'accounts' } },
    });
    expect(data.audience).toMatchObject({ audienceType: 'ACCOUNTS', status: 'Disabled', enabled: false });
    expect(data.audience.definition.type).toBe('accounts');
    expect(await row(data.audience.id)).toMatchObject({ run_asked_at: null });
    expect((await make('Funnel', funnel)).computeCadence).toEqual({ type: 'BATCH' });
  });

  test('every fault at once', async () => {
    const { status, errors } = await call('POST', url, {
      ...{ name: '★★', enabled: 'yes', audienceType: 'USERS', definition: { query: 'event(' } },
      options: { filterByExternalIds: [], backfillEventDataDays: 0.5 },
    });
    expect(status).toBe(422);
    expect(new Set(errors.map(({ type }) => type))).toEqual(new Set(['input-validation']));
    expect([...new Set(errors.map(({ field }) => field))].sort()).toEqual([
      ...['definition.query', 'enabled', 'name', 'options.backfillEventDataDays', 'options.filterByExternalIds'],
    ]);
    expect(errors.find(({ field }) => field === 'definition.query')?.message).toMatch(/^Line 1, column \d+: ./);
    expect(await list()).toEqual([]);
  });

  test.each<[body: object, fields: readonly string[]]>([
    [{}, ['audienceType', 'definition', 'name']],
    [{ name: 'x', audienceType: 'PEOPLE', definition: { query: isPro } }, ['audienceType']],
    [{ name: 'x\ny', audienceType: 'USERS', definition: {} }, ['definition.query', 'name']],
    [
      { name: 'x'.repeat(256), audienceType: 'USERS', definition: { query: "event('A').count()" } },
      ['definition.query', 'name'],
    ],
  ])('%j: 422 for %j', async (body, fields) => {
    const { status, errors } = await call('POST', url, body);
    expect([status, errors.map(({ field }) => field).sort()]).toEqual([422, fields]);
  });

  test('audiences of warehouses are refused in plain words', async () => {
    const { status, errors } = await post('Linked', "entity('invoices').count() >= 1", { audienceType: 'LINKED' });
    expect([status, errors[0]?.field]).toEqual([400, 'audienceType']);
    expect(errors[0]?.message).toContain('warehouse');
  });

  test('a key is given once, also when its audience is gone, whatever the kind', async () => {
    const { id } = await make('Big  Spenders!');
    const again = await post('big spenders', isPro);
    expect([again.status, again.errors[0]?.field]).toEqual([409, 'name']);
    expect(again.errors[0]?.message).toContain('"Big  Spenders!" has the key "big_spenders"');
    expect((await call('DELETE', `${url}/${id}`)).status).toBe(200);
    const { status, errors } = await call('POST', `/spaces/${server.space.id}/computed-traits`, {
      ...{ name: 'BIG SPENDERS', definition: { query: "event('A').count()", type: 'USERS' } },
    });
    expect([status, errors[0]?.message]).toEqual([409, expect.stringContaining('deleted')]);
    expect(errors[0]?.message).toContain('never given again');
  });

  test('of several at the same moment, one gets the key', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => post('Same', isPro)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
  });

  test('a space has 100; a deleted one makes room', async () => {
    await server.db.pool.query(
      `INSERT INTO computations (space_no, computation_id, kind, name, key, description, entity, enabled, query, options,
         cadence, created_at, created_by, updated_at, updated_by)
       SELECT $1, 'aud_' || n, 'audience', 'n' || n, 'n' || n, '', 'USERS', true, $2, '{"filterByExternalIds":["email"]}',
         'REALTIME', now(), 'test', now(), 'test' FROM generate_series(1, 100) n`,
      [server.space.no, isPro],
    );
    const { status, errors } = await post('One too many', isPro);
    expect([status, errors[0]?.message]).toEqual([400, expect.stringContaining('at most 100 audiences')]);
    await call('DELETE', `${url}/aud_7`);
    await make('Fits');
  });
});

describe('changing', () => {
  test('a name keeps its key; nothing is computed anew', async () => {
    const { id } = await make('Old');
    await endRuns();
    server.clock.pass(1_000);
    const { data } = await patch(id, { name: '新', description: 'why' });
    const now = server.clock.now().toISOString();
    expect(data.audience).toMatchObject({
      name: '新',
      key: 'old',
      description: 'why',
      status: 'Live',
      updatedAt: now,
    });
    expect((await events()).at(-1)).toEqual({
      ...{ type: 'Audience Modified', resource_id: id, resource_name: '新' },
      changed: ['name', 'description'],
    });
  });

  test('what changes nothing writes nothing', async () => {
    const made = await make('Same');
    const before = await events();
    server.clock.pass(1_000);
    const { id, name, description, enabled, definition, options } = made;
    const { data } = await patch(id, { name, description, enabled, definition, options });
    expect(data.audience).toEqual(made);
    expect(await events()).toEqual(before);
  });

  test('a query is computed anew, and locks until that is done', async () => {
    const { id } = await make('Locked');
    await endRuns();
    const edited = await patch(id, { definition: { query: "trait('plan') = 'team'" } });
    expect(edited.data.audience).toMatchObject({ status: 'Locked', definition: { query: "trait('plan') = 'team'" } });
    expect(await row(id)).toMatchObject({ run_reason: 'edit', run_cursor: '' });
    const refused = await patch(id, { name: 'Other' });
    expect([refused.status, refused.errors[0]?.message]).toEqual([409, expect.stringContaining('locked')]);
    expect((await patch(id, { enabled: false, name: 'Other' })).status).toBe(409);
    const disabled = await patch(id, { enabled: false });
    expect(disabled.data.audience).toMatchObject({ status: 'Disabled', name: 'Locked' });
    expect(await row(id)).toMatchObject({ run_asked_at: null, run_reason: null, run_cursor: null });
  });

  test('who disables ends the run; who enables asks for one; the space knows whether it computes', async () => {
    const one = await make('One');
    const two = await make('Two');
    await endRuns();
    await patch(one.id, { enabled: false });
    expect(await computes()).toBe(true);
    await patch(two.id, { enabled: false });
    expect(await computes()).toBe(false);
    const { data } = await patch(one.id, { enabled: true });
    expect([data.audience.status, await computes()]).toEqual(['Computing', true]);
    expect(await row(one.id)).toMatchObject({ run_reason: 'enabled' });
    await call('DELETE', `${url}/${one.id}`);
    expect(await computes()).toBe(false);
  });

  test('while it is disabled a query is only kept; the first run is the first, whenever it is', async () => {
    const { id } = await make('Later', isPro, { enabled: false });
    await patch(id, { definition: { query: bought } });
    expect(await row(id)).toMatchObject({ run_asked_at: null, query: bought });
    expect((await patch(id, { enabled: true })).data.audience.status).toBe('Backfilling');
  });

  test('how far back it looks follows the query, unless it was said', async () => {
    const usual = await make('Usual', "event('A').within(3 days).count() >= 1");
    const said = await make('Said', "event('A').within(3 days).count() >= 1", {
      options: { backfillEventDataDays: 40 },
    });
    await endRuns();
    const query = "event('A').within(9 days).count() >= 1";
    const days = async (id: string) =>
      (await patch(id, { definition: { query } })).data.audience.options.backfillEventDataDays;
    expect([await days(usual.id), await days(said.id)]).toEqual([9, 40]);
  });

  test.each<[what: string, change: object, status: number, field: string | undefined, says: string]>([
    ['when it is computed', { definition: { query: funnel } }, 400, 'definition.query', 'make a new one'],
    [
      'who counts',
      { options: { filterByExternalIds: ['email'] } },
      400,
      'options.filterByExternalIds',
      'make a new one',
    ],
    [
      'anonymous ones',
      { options: { includeAnonymousUsers: true } },
      400,
      'options.filterByExternalIds',
      'make a new one',
    ],
    ['what it is for', { audienceType: 'ACCOUNTS' }, 400, 'audienceType', 'make a new one'],
    ['a query that cannot be read', { definition: { query: "trait('x'" } }, 422, 'definition.query', 'Line 1, column'],
    ['a name of nothing', { name: ' ' }, 422, 'name', 'must be text'],
    ['a wrong type', { enabled: 1 }, 422, 'enabled', 'boolean'],
  ])('%s: refused', async (_, change, status, field, says) => {
    const { id } = await make('Fixed', bought);
    await endRuns();
    const before = await get(id);
    const answer = await patch(id, change);
    expect([answer.status, answer.errors[0]?.field]).toEqual([status, field]);
    expect(answer.errors[0]?.message).toContain(says);
    expect(await get(id)).toEqual(before);
  });

  test('none by that id', async () => {
    for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
      const { status, errors } = await call(method, `${url}/aud_none`, method === 'PATCH' ? {} : undefined);
      expect([status, errors[0]?.message]).toEqual([404, "Audience with id 'aud_none' not found."]);
    }
  });
});

describe('audiences that look at others', () => {
  test('circles are refused, and named; what is looked at is not deleted', async () => {
    const y = await make('Y');
    const x = await make('X', "trait('y') = 'true'");
    const z = await make('Z', "trait('x') = 'true' AND trait('plan') = 'pro'");
    await endRuns();
    const circle = await patch(y.id, { definition: { query: "trait('z') = 'true'" } });
    expect([circle.status, circle.errors[0]?.field]).toEqual([400, 'definition.query']);
    expect(circle.errors[0]?.message).toContain('y looks at z, z looks at x, x looks at y');
    expect((await patch(y.id, { definition: { query: "trait('y') = 'true'" } })).errors[0]?.message).toContain(
      'y looks at y',
    );
    expect((await post('Own', "trait('own').exists()")).status).toBe(400);
    const used = await call('DELETE', `${url}/${y.id}`);
    expect([used.status, used.errors[0]?.message]).toEqual([409, expect.stringContaining(`"X" (${x.id})`)]);
    const { data } = await call('GET', `${url}/${y.id}/audience-references`);
    expect([data.audiences.map(({ id }: { id: string }) => id), data.pagination.totalEntries]).toEqual([[x.id], 1]);
    await call('DELETE', `${url}/${z.id}`);
    await call('DELETE', `${url}/${x.id}`);
    expect((await call('DELETE', `${url}/${y.id}`)).status).toBe(200);
  });
});

test('of two changes at the same moment that make a circle together, one is refused', async () => {
  const [a, b] = [await make('A'), await make('B')];
  await endRuns();
  const answers = await Promise.all([
    patch(a.id, { definition: { query: "trait('b') = 'true'" } }),
    patch(b.id, { definition: { query: "trait('a') = 'true'" } }),
  ]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
});

test('a deleted one is gone from the API, and waits to be taken off the profiles', async () => {
  const { id } = await make('Gone', bought, { description: 'about people' });
  expect(await call('DELETE', `${url}/${id}`)).toEqual({ status: 200, data: { status: 'SUCCESS' } });
  expect((await call('GET', `${url}/${id}`)).status).toBe(404);
  expect((await call('DELETE', `${url}/${id}`)).status).toBe(404);
  expect(await list()).toEqual([]);
  expect(await row(id)).toMatchObject({
    key: 'gone',
    query: '',
    description: '',
    run_reason: 'delete',
    run_cursor: '',
  });
  expect((await events()).at(-1)).toMatchObject({ type: 'Audience Deleted', resource_id: id });
});

describe('lists', () => {
  beforeEach(async () => {
    for (const [name, query] of [
      ['Beta testers', isPro],
      ['alpha Testers', bought],
      ['Tea', "event('Tea Bought').count() >= 1"],
    ] as const) {
      server.clock.pass(1_000);
      await make(name, query);
    }
  });

  test.each([
    ['', ['Beta testers', 'alpha Testers', 'Tea']],
    ['?search.type=KEY&search.query=te', ['Tea']],
    ['?search[type]=NAME&search[query]=tESTERS', ['Beta testers', 'alpha Testers']],
    [`?search=${encodeURIComponent('{"type":"DEFINITION","query":"order completed"}')}`, ['alpha Testers']],
    ['?sort.field=NAME', ['Beta testers', 'Tea', 'alpha Testers']],
    ['?sort[field]=CREATED_AT&sort[direction]=DESC', ['Tea', 'alpha Testers', 'Beta testers']],
  ])('%s: %j', async (query, names) => {
    expect(await list(query)).toEqual(names);
  });

  test('page by page; schedules, of which there are none', async () => {
    const first = (await call('GET', `${url}?pagination.count=2&include=schedules`)).data;
    expect(first.audiences.map(({ schedules }: { schedules: unknown }) => schedules)).toEqual([[], []]);
    const next = await list(`?pagination.count=2&pagination.cursor=${first.pagination.next}`);
    expect([next, first.pagination.totalEntries]).toEqual([['Tea'], 3]);
  });

  test('every fault at once', async () => {
    const query = '?search.type=ID&sort.field=SIZE&include=members&pagination.count=0';
    const { status, errors } = await call('GET', `${url}${query}`);
    expect([status, errors.map(({ field }) => field)]).toEqual([
      422,
      ['search.type', 'include', 'sort.field', 'pagination.count'],
    ]);
    expect((await call('GET', `${url}?search.query=x`)).errors[0]?.field).toBe('search.type');
  });
});

test('Java clients get what their generation knows', async () => {
  const { id } = await make('Strict');
  const keys = async (version: string, method: Method, body?: object) => {
    const headers = { 'user-agent': `Public API SDK ${version} (Java)` };
    const { json } = await server.call(method, `${url}/${id}`, { headers, ...(body !== undefined && { body }) });
    return Object.keys(json.data.audience).sort();
  };
  const old = ['createdAt', 'createdBy', 'definition', 'description', 'enabled', 'id', 'key', 'name', 'spaceId'];
  const older = [...old, 'status', 'updatedAt', 'updatedBy'];
  expect(await keys('47.0.0', 'GET')).toEqual(older);
  const newer = [...older, 'audienceType', 'options'].sort();
  expect(await keys('73.2.0', 'PATCH', { name: 'Still strict' })).toEqual(newer);
  expect(await keys('73.2.0', 'GET')).toEqual([...newer, 'computeCadence'].sort());
});

test('previews: asked for, computed by the worker, read; nothing stays on profiles', async () => {
  await server.send(
    ...['p-1', 'p-1', 'p-2'].map((userId, at) => ({
      type: 'track',
      event: 'Order Completed',
      userId,
      messageId: `p${at}`,
    })),
  );
  const body = { definition: { query: bought }, audienceType: 'USERS', options: { filterByExternalIds: ['user_id'] } };
  const { status, data } = await call('POST', `${url}/previews`, body);
  expect(status).toBe(200);
  const { id } = data.audiencePreview;
  const read = async () => (await call('GET', `${url}/previews/${id}`)).data.audiencePreview;
  const asked = {
    ...{ id, audienceType: 'USERS', definition: { query: bought } },
    options: { includeHistoricalData: true, filterByExternalIds: ['user_id'], backfillEventDataDays: 7 },
  };
  expect(await read()).toEqual({ ...asked, status: 'RUNNING' });
  expect((await events()).at(-1)).toMatchObject({ type: 'Audience Preview Created', resource_id: id });
  await runPreview({ db: server.db, clock: server.clock, log: testLog('warn') }, new AbortController().signal);
  expect(await read()).toEqual({
    ...{ ...asked, status: 'COMPLETED', results: [{ id: expect.stringMatching(/^use_/) }] },
    size: { type: 'USERS', count: 1, uniqueCount: 1 },
  });
  const faulty = await call('POST', `${url}/previews`, { definition: { query: 'x' }, audienceType: 'USERS' });
  expect([faulty.status, faulty.errors[0]?.field]).toEqual([422, 'definition.query']);
  expect((await call('GET', `${url}/previews/pvw_none`)).errors[0]?.message).toContain('Audience preview');
});

test('members, page by page, and the size', async () => {
  const space = new ComputingSpace(server.db, server.space, server.clock.now().getTime());
  await server.send(...['m-1', 'm-2', 'm-3'].map((userId) => ({ type: 'identify', userId, traits: { plan: 'gold' } })));
  const { id } = await make('Gold', "trait('plan') = 'gold'");
  await space.compute();
  expect(await get(id)).toMatchObject({ status: 'Live', size: { type: 'USERS', count: 3 } });
  const first = (await call('GET', `${url}/${id}/members?pagination.count=2`)).data;
  const rest = (await call('GET', `${url}/${id}/members?pagination.cursor=${first.pagination.next}`)).data;
  const ids = [...first.members, ...rest.members].map((member: { id: string }) => member.id);
  expect([new Set(ids).size, rest.members.length, rest.pagination.next]).toEqual([3, 1, undefined]);
  const wrong = await call('GET', `${url}/${id}/members?pagination.cursor=!!&pagination.count=x`);
  expect(wrong.errors.map(({ field }) => field)).toEqual(['pagination.count', 'pagination.cursor']);
  await space[Symbol.asyncDispose]();
});
