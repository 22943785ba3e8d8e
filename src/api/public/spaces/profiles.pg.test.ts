/** Profiles to look at: found, listed, shown with where each trait came from; nothing reads more than it needs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../../base/json.ts';
import { createSpaceWriter, type SpaceWriter } from '../../../space/space.ts';
import { createWorkspaceToken } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let writer: SpaceWriter;
const mapping = { id: '', destinationId: '', syncId: 'syn_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0' };

beforeAll(async () => {
  server = await openPublicApi();
  writer = createSpaceWriter({ db: server.db });
  await configure();
  await fill();
});
afterAll(async () => {
  await writer[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const post = async (path: string, body: object) => {
  const { status, json } = await server.call('POST', path, { body });
  expect(status, JSON.stringify(json)).toBeLessThan(300);
  return json.data;
};

/** A mapping that traits can come from, and a sync of it in the history. */
async function configure() {
  const made = { slug: 'lake', enabled: true, metadataId: (await warehouseId()) as string };
  const { source } = await post('/sources', { ...made, settings: { path: '/tmp/none.duckdb' } });
  const query = { query: 'SELECT 1 AS id', queryIdentifierColumn: 'id', enabled: true, description: '' };
  const { reverseEtlModel } = await post('/reverse-etl-models', { sourceId: source.id, name: 'People', ...query });
  const catalog = (await server.call('GET', '/catalog/destinations')).json.data.destinationsCatalog[0];
  const { destination } = await post('/destinations', {
    ...{ sourceId: source.id, metadataId: catalog.id, name: 'Profiles', enabled: true, settings: {} },
  });
  const identify = catalog.actions.find(({ slug }: { slug: string }) => /identify/i.test(slug));
  const { destinationSubscription } = await post(`/destinations/${destination.id}/subscriptions`, {
    ...{ name: 'People to profiles', actionId: identify.id, modelId: reverseEtlModel.id, enabled: true },
    ...{ trigger: 'event = "new"', settings: { user_id: { '@path': '$.id' }, engage_space: server.space.id } },
  });
  mapping.id = destinationSubscription.id;
  mapping.destinationId = destination.id;
  await server.db.pool.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, started_at, finished_at)
     VALUES ($1, $2, 'people', 'people', 'profiles', 'succeeded', now(), now())`,
    [mapping.syncId, mapping.id],
  );
}

async function warehouseId() {
  const { sourcesCatalog } = (await server.call('GET', '/catalog/sources?pagination[count]=200')).json.data;
  return sourcesCatalog.find(({ slug }: { slug: string }) => /duckdb/i.test(slug))?.id;
}

const bySync = (message: JsonObject) => {
  server.clock.pass(1_000);
  const { id: mappingId, syncId } = mapping;
  return { message, receivedAt: server.clock.now(), sourceId: server.space.id, mappingId, syncId };
};

async function fill() {
  await writer.write(server.space, [
    bySync({ type: 'identify', userId: 'c-1', traits: { email: 'Ana@Example.org', first_name: 'Ana', plan: 'pro' } }),
    bySync({ type: 'group', userId: 'c-1', groupId: 'acme', traits: { name: 'Acme', seats: 4 } }),
    bySync({ type: 'identify', userId: 'c-2', traits: { email: 'bea@example.org' } }),
  ]);
  server.clock.pass(60_000);
  await server.send(
    { type: 'identify', userId: 'c-1', traits: { city: 'Lyon' } },
    { type: 'track', userId: 'c-1', event: 'Signed Up', properties: { seats: 4 }, context: { ip: '203.0.113.9' } },
    { type: 'track', userId: 'c-1', event: 'Paid', properties: { amount: 12 } },
  );
}

const path = (more = '') => `/spaces/${server.space.id}/profiles${more}`;
const get = (more = '') => server.call('GET', path(more));
const find = async (text: string, more = '') =>
  (await get(`?find=${encodeURIComponent(text)}${more}`)).json.data.profiles as readonly JsonObject[];
const idOf = async (text: string) => (await find(text))[0]?.id as string;

test('a profile is found by any value, by type and value, and by its id', async () => {
  const ana = { name: 'Ana', collection: 'users', identifierCount: 2 };
  const email = [{ type: 'email', id: 'ana@example.org' }];
  expect(await find(' ANA@example.org')).toMatchObject([{ ...ana, foundBy: email }]);
  expect(await find('c-1')).toMatchObject([{ ...ana, foundBy: [{ type: 'user_id', id: 'c-1' }] }]);
  expect(await find('email:ana@example.org')).toMatchObject([{ ...ana, foundBy: email }]);
  const id = await idOf('c-1');
  expect(await find(id)).toMatchObject([{ ...ana, foundBy: [{ type: 'segment_id', id }] }]);
  expect(await find('acme')).toMatchObject([{ name: 'Acme', collection: 'accounts' }]);
  expect(await find('acme', '&collection=users')).toEqual([]);
  expect(await find('user_id:ana@example.org')).toEqual([]);
  expect(await find('x'.repeat(5_000))).toEqual([]);
  const { searched } = (await get('?find=phone:12')).json.data;
  expect(searched.slice(0, 3)).toEqual(['phone', 'user_id', 'email']);
});

test('one value may lead to several profiles, in the order of the identifiers', async () => {
  await server.send(
    { type: 'identify', userId: 'twice', traits: { first_name: 'First' } },
    { type: 'identify', anonymousId: 'twice', traits: { first_name: 'Second' } },
    { type: 'identify', userId: 'urn:isbn:1', traits: { first_name: 'Colons' } },
  );
  expect(await find('twice')).toMatchObject([
    { name: 'First', foundBy: [{ type: 'user_id' }] },
    { name: 'Second', foundBy: [{ type: 'anonymous_id' }] },
  ]);
  expect(await find('urn:isbn:1')).toMatchObject([{ name: 'Colons' }]);
});

test('a list begins with what changed last, and goes on page by page', async () => {
  server.clock.pass(120_000);
  await server.send({ type: 'identify', userId: 'newest', traits: { name: 'Newest' } });
  const all = (await get('?pagination[count]=100')).json.data;
  expect(all.profiles[0]).toMatchObject({ name: 'Newest' });
  expect(all.pagination).toEqual({ current: 'MA==' });
  const names: string[] = [];
  let cursor = 'MA==';
  for (let pages = 0; pages < 20 && cursor !== undefined; pages += 1) {
    const { profiles, pagination } = (await get(`?pagination[count]=2&pagination[cursor]=${cursor}`)).json.data;
    names.push(...profiles.map(({ id }: { id: string }) => id));
    cursor = pagination.next;
  }
  expect(names).toEqual(all.profiles.map(({ id }: { id: string }) => id));
  expect((await get('?collection=accounts')).json.data.profiles).toMatchObject([{ name: 'Acme' }]);
  expect((await get('?collection=cats')).status).toBe(422);
  expect((await get('?pagination[cursor]=nonsense')).status).toBe(422);
});

test('a profile tells where each trait and identifier came from', async () => {
  const { status, json } = await get(`/${await idOf('c-1')}`);
  expect(status).toBe(200);
  const { profile } = json.data;
  const mapped = {
    source: { id: server.space.id, name: 'Engage (shop)' },
    mapping: {
      ...{ id: mapping.id, name: 'People to profiles', destinationId: mapping.destinationId },
      source: { name: 'lake' },
    },
    sync: { id: mapping.syncId, known: true },
  };
  expect(profile.traits).toMatchObject([
    { key: 'city', value: 'Lyon', class: 'custom', origin: { source: { id: 'src_test' } } },
    { key: 'email', value: 'Ana@Example.org', class: 'custom', origin: mapped },
    { key: 'first_name', value: 'Ana', class: 'custom', origin: mapped },
    { key: 'plan', value: 'pro', class: 'custom', origin: mapped },
  ]);
  expect(profile.traits[0].origin).not.toHaveProperty('sync');
  expect(profile.identifiers).toMatchObject([
    { type: 'user_id', id: 'c-1', source: { name: 'Engage (shop)' } },
    { type: 'email', id: 'ana@example.org' },
  ]);
  expect(profile.limits).toEqual([
    { type: 'user_id', count: 1, limit: 1, window: 'ever' },
    { type: 'email', count: 1, limit: 5, window: 'ever' },
  ]);
  expect(profile).toMatchObject({ name: 'Ana', consent: null, mergedIds: [] });
  expect(profile).not.toHaveProperty('mergedFrom');
  expect(profile.subscriptions).toEqual([{ channel: 'EMAIL', key: 'ana@example.org', status: null, groups: [] }]);
});

test('names of mappings are for those who may see them', async () => {
  const permissions = [{ role: 'unify-and-engage-read-only', resources: 'all' }] as const;
  const token = (await createWorkspaceToken(server.db.pool, 'marketer', { role: 'member', permissions })).secret;
  const { json } = await server.call('GET', path(`/${await idOf('c-1')}`), { token });
  const { origin } = json.data.profile.traits[1];
  expect(origin.mapping).toEqual({ id: mapping.id });
  expect(origin.source).toEqual({ id: server.space.id, name: 'Engage (shop)' });
});

test('events and links, page by page', async () => {
  const id = await idOf('c-1');
  const first = (await get(`/${id}/events?pagination[count]=1`)).json.data;
  const second = (await get(`/${id}/events?pagination[count]=1&pagination[cursor]=${first.pagination.next}`)).json.data;
  const events = [...first.events, ...second.events];
  expect(events.map(({ name }) => name).sort()).toEqual(['Paid', 'Signed Up']);
  expect(events.find(({ name }) => name === 'Signed Up')).toMatchObject({
    ...{ type: 'track', properties: { seats: 4 }, context: { ip: '203.0.113.9' } },
    ...{ source: { id: 'src_test' }, identifiers: [{ type: 'user_id', id: 'c-1' }], userId: id, accountId: null },
  });
  expect(second.pagination).not.toHaveProperty('next');
  const { links } = (await get(`/${id}/links`)).json.data;
  expect(links).toMatchObject([
    { name: 'Acme', collection: 'accounts', identifiers: [{ type: 'group_id', id: 'acme' }] },
  ]);
  expect(links[0].traits).toContainEqual({ key: 'seats', value: 4 });
  const back = (await get(`/${links[0].id}/links`)).json.data.links;
  expect(back).toMatchObject([{ id, name: 'Ana', collection: 'users' }]);
});

test('an id that was merged into another shows that one, and says so', async () => {
  await server.send({ type: 'identify', anonymousId: 'web-9', traits: { phone: '1' } });
  const before = await idOf('web-9');
  await server.send({ type: 'identify', userId: 'c-2', anonymousId: 'web-9' });
  const survivor = await idOf('c-2');
  const merged = (await get(`/${before}`)).json.data.profile;
  expect(merged.id).toBe(survivor);
  expect(survivor).not.toBe(before);
  expect(merged.mergedFrom).toBe(before);
  expect(merged.mergedIds).toEqual([before]);
  expect((await get(`/${survivor}`)).json.data.profile).not.toHaveProperty('mergedFrom');
});

test('what is not there is 404', async () => {
  for (const id of ['none', 'use_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0', 'acc_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0']) {
    for (const more of ['', '/events', '/links']) expect((await get(`/${id}${more}`)).status).toBe(404);
  }
  expect((await server.call('GET', '/spaces/nowhere/profiles')).status).toBe(404);
});

/** The tables that grow with the number of people. */
const large = /^(?:profiles|identifiers|links|subscriptions|events|events_\d+|syncs)$/;

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}
const nodesOf = (node: PlanNode): readonly PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

test('nothing is scanned: every statement of the list, the search and the page goes by an index', async () => {
  await server.db.pool.query(
    `WITH one AS (SELECT * FROM profiles WHERE merged_into IS NULL AND collection = 'users' LIMIT 1)
     INSERT INTO profiles SELECT copy.* FROM one, generate_series(1, 20000) AS i,
       jsonb_populate_record(NULL::profiles, to_jsonb(one) || jsonb_build_object('profile_id', 'use_' || lpad(i::text, 27, '0'),
         'updated_at', one.updated_at - make_interval(secs => i))) AS copy`,
  );
  await server.db.pool.query(
    `INSERT INTO identifiers SELECT $1, 'u:user_id:x-' || i, 'use_' || lpad(i::text, 27, '0')
     FROM generate_series(1, 20000) AS i`,
    [server.space.no],
  );
  await server.db.pool.query(
    `INSERT INTO events (space_no, profile_id, received_at, event_at, message_id, type, name, source_id, external_ids, body)
     SELECT $1, 'use_' || lpad((i % 5000 + 1)::text, 27, '0'), at, at, 'm-' || i, 'track', 'Paid', 'src_test', '[]', '{}'
     FROM generate_series(1, 40000) AS i, LATERAL (SELECT $2::timestamptz + make_interval(days => i % 2)) AS arrival (at)`,
    [server.space.no, server.clock.now()],
  );
  await server.db.pool.query(
    `INSERT INTO links SELECT $1, 'use_' || lpad(i::text, 27, '0'), 'acc_' || lpad(i::text, 27, '0'), $2, 'src_test'
     FROM generate_series(1, 20000) AS i`,
    [server.space.no, server.clock.now()],
  );
  await server.db.pool.query(
    `INSERT INTO subscriptions SELECT $1, 'EMAIL:x-' || i || '@example.org', 'SUBSCRIBED', 0, 0, 'src_test', NULL, '{}'
     FROM generate_series(1, 20000) AS i`,
    [server.space.no],
  );
  await server.db.pool.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, started_at)
     SELECT 'syn_' || i, 'none', 'none', 'none', 'none', 'succeeded', now() FROM generate_series(1, 20000) AS i`,
  );
  await server.db.pool.query('ANALYZE');
  const id = await idOf('c-1');
  const said: { readonly text: string; readonly values: readonly unknown[] }[] = [];
  const { pool } = server.db;
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<{ rows: readonly Record<string, unknown>[] }>;
  const spy = (...args: [string | { text: string; values?: readonly unknown[] }, (readonly unknown[])?]) => {
    const [given, values = []] = args;
    said.push(typeof given === 'string' ? { text: given, values } : { text: given.text, values: given.values ?? [] });
    return query(...args);
  };
  Object.assign(pool, { query: spy });
  try {
    const list = (await get('?pagination[count]=50')).json.data;
    await get(`?pagination[count]=50&pagination[cursor]=${list.pagination.next}`);
    expect(await find('x-19000')).toHaveLength(1);
    for (const more of ['', '/events', '/links']) expect((await get(`/${id}${more}`)).status).toBe(200);
  } finally {
    Object.assign(pool, { query });
  }
  const asked = said.filter(({ text }) => /\b(?:profiles|identifiers|links|events|subscriptions|syncs)\b/.test(text));
  expect(asked.length).toBeGreaterThan(8);
  for (const { text, values } of asked) {
    const { rows } = await query(`EXPLAIN (FORMAT JSON) ${text}`, values);
    const plans = rows.flatMap((row) => row['QUERY PLAN'] as readonly { readonly Plan: PlanNode }[]);
    expect(plans).toHaveLength(1);
    const scanned = plans
      .flatMap(({ Plan }) => nodesOf(Plan))
      .filter((node) => large.test(node['Relation Name'] ?? ''))
      .filter((node) => node['Node Type'] === 'Seq Scan' || node['Node Type'].startsWith('Bitmap'));
    expect([text, scanned.map((node) => node['Relation Name'])]).toEqual([text, []]);
  }
});
