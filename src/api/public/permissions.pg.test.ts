/** Every route with every role, against the tables of `docs/permissions.md`. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspaceToken, isRole, type Permission, roles } from '../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from './public.test-support.ts';
import { routesAsData } from './routes.ts';

type Method = Parameters<PublicServer['call']>[0];

const page = await readFile(new URL('../../../docs/permissions.md', import.meta.url), 'utf8');
const cellsOf = (heading: string) =>
  (page.split(`## ${heading}\n`)[1] as string)
    .split('\n## ')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(2, -2)
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', '')),
    ) as string[][];
const [[, , ...powerNames] = [], ...roleRows] = cellsOf('Roles');
const [, ...routeRows] = cellsOf('Routes');
const routes = routeRows.map(([route = '', power = '', about = '']) => {
  const [method = '', path = ''] = route.split(' ');
  return { method: method as Method, path, power, about };
});

let server: PublicServer;
let sourceId: string;
/** A source with all that can belong to one, and another. */
let here: Ids;
let elsewhere: Ids;
beforeAll(async () => {
  server = await openPublicApi();
  here = await makeSource('shop');
  elsewhere = await makeSource('crm');
  ({ sourceId } = here);
});
afterAll(() => server[Symbol.asyncDispose]());

interface Ids {
  readonly [name: string]: string;
  readonly sourceId: string;
  readonly modelId: string;
  readonly destinationId: string;
  readonly subscriptionId: string;
  /** The same, as the paths of subscriptions have it. */
  readonly id: string;
  readonly syncId: string;
  readonly spaceId: string;
}

async function makeSource(slug: string): Promise<Ids> {
  const make = async (path: string, body: object) => {
    const { status, json } = await server.call('POST', path, { body });
    if (status >= 300) throw new Error(`${path} answered ${status}.`);
    return json.data;
  };
  const settings = { hostname: '127.0.0.1', port: '1', database: 'd', username: 'u' };
  const sourceId = (await make('/sources', { slug, enabled: true, metadataId: 'WvlvcGEJsT', settings })).source.id;
  const { reverseEtlModel } = await make('/reverse-etl-models', {
    ...{ sourceId, name: `Customers of ${slug}`, description: '', enabled: true },
    ...{ query: 'SELECT 1 AS id', queryIdentifierColumn: 'id' },
  });
  const modelId = reverseEtlModel.id;
  const metadataId = '639c2dbb1309fdcad13951b6';
  const destinationId = (await make('/destinations', { sourceId, metadataId, settings: {} })).destination.id;
  const { destinationSubscription } = await make(`/destinations/${destinationId}/subscriptions`, {
    ...{ name: slug, actionId: 'vm2tNA5U1zxUusQkdC4D7Z', enabled: true, modelId, trigger: 'event = "new"' },
    settings: { engage_space: server.space.writeKey, user_id: { '@path': '$.properties.id' } },
  });
  const { id } = destinationSubscription;
  const { reverseETLManualSync } = await make('/reverse-etl-syncs', { sourceId, modelId, subscriptionId: id });
  const { syncId } = reverseETLManualSync;
  return { sourceId, modelId, destinationId, subscriptionId: id, id, syncId, spaceId: server.space.id };
}

async function tokenOf(slug: string, resources: Permission['resources']): Promise<string> {
  if (!isRole(slug)) throw new Error(`${slug} is no role`);
  const grant = { role: 'member', permissions: [{ role: slug, resources }] } as const;
  return (await createWorkspaceToken(server.db.pool, slug, grant)).secret;
}

const filled = (path: string, ids: Readonly<Record<string, string>> = {}) =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? 'none');

test('the page has every route and every role', () => {
  expect(routes.map(({ method, path }) => `${method} ${path}`)).toEqual(
    routesAsData().map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`),
  );
  expect(routes.length).toBeGreaterThan(60);
  expect(roleRows.map(([slug]) => slug)).toEqual(Object.keys(roles));
});

test('without a token every route is 401', async () => {
  for (const { method, path } of routes) {
    expect([method, path, (await server.call(method, filled(path), { token: null })).status]).toEqual([
      method,
      path,
      401,
    ]);
  }
});

describe.each(roleRows.map(([slug = '', place = '', ...given]) => ({ slug, place, given })))(
  '$slug',
  ({ slug, place, given }) => {
    const has = new Set(powerNames.filter((_, at) => given[at] === 'yes'));

    test('everywhere: 401 exactly where the table has no such power', async () => {
      const token = await tokenOf(slug, 'all');
      for (const { method, path, power } of routes) {
        // Nothing has this id, and no body is complete: what is allowed changes nothing.
        const { status } = await server.call(method, filled(path), { token, ...(method !== 'GET' && { body: {} }) });
        expect([method, path, status === 401]).toEqual([method, path, !has.has(power)]);
        expect(status).toBeLessThan(500);
      }
    });

    test('at another resource: 401 at this one, and lists without it', async () => {
      const token = await tokenOf(slug, [{ id: 'elsewhere' }]);
      const before = await seenByOwner();
      for (const { method, path, power, about } of routes.filter((route) => route.about !== '')) {
        const holds = has.has(power) && (place === 'the workspace' || `a ${place}` !== `${about}s`);
        if (holds) continue;
        const { status } = await server.call(method, `${filled(path, here)}?sourceId=${here.sourceId}`, {
          token,
          ...(method !== 'GET' && { body: {} }),
        });
        expect([method, path, status]).toEqual([method, path, 401]);
      }
      expect(await seenByOwner()).toEqual(before);
      for (const [path, key, power] of [
        ['/sources', 'sources', 'source:read'],
        ['/spaces', 'spaces', 'space:read'],
        ['/reverse-etl-models', 'models', 'source:read'],
        ['/destinations', 'destinations', 'source:read'],
      ] as const) {
        const { status, json } = await server.call('GET', path, { token });
        if (!has.has(power)) expect(status).toBe(401);
        else if (place !== 'the workspace') expect([status, json.data[key]]).toEqual([200, []]);
      }
    });
  },
);

/** All that belongs to the source, as whoever may see everything sees it. */
async function seenByOwner() {
  const answers = await Promise.all(
    [
      `/sources/${here.sourceId}`,
      `/reverse-etl-models/${here.modelId}`,
      `/destinations/${here.destinationId}`,
      `/destinations/${here.destinationId}/subscriptions`,
      `/reverse-etl-models/${here.modelId}/syncs/${here.syncId}`,
    ].map((path) => server.call('GET', path)),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  return answers.map(({ json }) => json);
}

describe('an admin of another source', () => {
  let token: string;
  beforeAll(async () => {
    token = await tokenOf('source-admin', [{ id: elsewhere.sourceId }]);
  });
  const get = async (path: string) => server.call('GET', path, { token });

  test('every route about what belongs to a source is among those that are walked', () => {
    const names = ['sourceId', 'modelId', 'destinationId'].map((name) => `{${name}}`);
    const ofSources = routes.filter(
      ({ path, power }) => power.startsWith('source:') && names.some((n) => path.includes(n)),
    );
    expect(ofSources.length).toBeGreaterThan(30);
    expect(new Set(ofSources.map(({ about }) => about))).toEqual(new Set(['a source']));
  });

  test('finds its own, and in lists nothing else', async () => {
    const idsIn = async (path: string, key: string) =>
      (await get(path)).json.data[key].map(({ id }: { id: string }) => id);
    expect(await idsIn('/sources', 'sources')).toEqual([elsewhere.sourceId]);
    expect(await idsIn('/reverse-etl-models', 'models')).toEqual([elsewhere.modelId]);
    expect(await idsIn('/destinations', 'destinations')).toEqual([elsewhere.destinationId]);
    const own = `/destinations/${elsewhere.destinationId}/subscriptions`;
    expect(await idsIn(own, 'subscriptions')).toEqual([elsewhere.id]);
    expect((await get(`/reverse-etl-models/${elsewhere.modelId}/syncs/${elsewhere.syncId}`)).status).toBe(200);
    await server.db.pool.query(`INSERT INTO usage_calls VALUES ('2026-03-20', $1, 1, 7), ('2026-03-20', $2, 1, 2)`, [
      here.sourceId,
      elsewhere.sourceId,
    ]);
    const days = 'granularity=DAY&startTime=2026-03-20&endTime=2026-03-21';
    const volume = async (more: string) => (await get(`/events/volume?${days}${more}`)).json.data.result;
    expect(await volume('&groupBy=source')).toMatchObject([{ source: { id: elsewhere.sourceId }, total: 2 }]);
    expect(await volume(`&sourceId=${here.sourceId}`)).toMatchObject([{ total: 0 }]);
  });

  const days = 'granularity=DAY&startTime=2026-03-20&endTime=2026-03-21';
  test.each<[method: Method, path: string, status: number, body?: (theirs: Ids, own: Ids) => object]>([
    // Another's, where the path is one's own.
    ['GET', '/destinations/{own.destinationId}/subscriptions/{id}', 404],
    ['PATCH', '/destinations/{own.destinationId}/subscriptions/{id}', 404, () => ({ input: { enabled: false } })],
    ['DELETE', '/destinations/{own.destinationId}/subscriptions/{id}', 404],
    ['POST', '/destinations/{own.destinationId}/subscriptions/{id}/test', 404, () => ({})],
    ['GET', '/reverse-etl-models/{own.modelId}/syncs/{syncId}', 404],
    ['GET', '/reverse-etl-models/{own.modelId}/syncs/{syncId}/rows', 404],
    ['POST', '/reverse-etl-models/{own.modelId}/syncs/{syncId}/cancel', 404],
    ['POST', '/reverse-etl-models/{own.modelId}/syncs/{syncId}/retry-failed', 404],
    ['POST', '/reverse-etl-models/{own.modelId}/syncs/{syncId}/replay', 404],
    ['GET', '/reverse-etl-models/{own.modelId}/subscriptionId/{id}/syncs', 404],
    ['GET', '/destinations/{destinationId}/delivery-metrics?sourceId={own.sourceId}', 404],
    ['GET', '/destinations/{own.destinationId}/delivery-metrics?sourceId={sourceId}', 401],
    ['GET', `/delivery-overview/successfully-received?sourceId={sourceId}&${days}`, 401],
    [
      ...([
        'GET',
        `/delivery-overview/successful-delivery?sourceId={own.sourceId}&${days}&destinationConfigId={destinationId}`,
      ] as const),
      404,
    ],
    // Another's, named in a body.
    [
      ...(['POST', '/reverse-etl-models', 401] as const),
      ({ sourceId: id }) => ({
        ...{ sourceId: id, name: 'x', description: '', enabled: true },
        ...{ query: 'SELECT 1 AS id', queryIdentifierColumn: 'id' },
      }),
    ],
    [
      ...(['POST', '/destinations', 401] as const),
      ({ sourceId: id }) => ({ sourceId: id, metadataId: '639c2dbb1309fdcad13951b6', settings: {} }),
    ],
    [
      ...(['POST', '/destinations/{own.destinationId}/subscriptions', 401] as const),
      ({ modelId }) => ({
        ...{ name: 'x', actionId: 'vm2tNA5U1zxUusQkdC4D7Z', enabled: true, modelId, trigger: 'event = "new"' },
        settings: { engage_space: server.space.writeKey },
      }),
    ],
    [
      ...(['PATCH', '/destinations/{own.destinationId}/subscriptions/{own.id}', 401] as const),
      ({ modelId }) => ({ input: { reverseETLModelId: modelId } }),
    ],
    ['POST', '/reverse-etl-syncs', 401, (theirs) => theirs],
    ['POST', '/reverse-etl-syncs', 401, (theirs, own) => ({ ...own, modelId: theirs.modelId })],
    ['POST', '/reverse-etl-syncs', 401, (theirs, own) => ({ ...own, subscriptionId: theirs.id })],
    ['GET', '/audit-events', 401],
    ['GET', '/usage/api-calls/sources/daily?period=2026-03-01', 401],
  ])('%s %s: %i', async (method, path, expected, body) => {
    const before = await seenByOwner();
    const own = Object.fromEntries(Object.entries(elsewhere).map(([name, id]) => [`own.${name}`, id]));
    const ids: Readonly<Record<string, string>> = { ...here, ...own };
    const url = path.replace(/\{([\w.]+)\}/g, (_, name: string) => ids[name] as string);
    const answer = await server.call(method, url, {
      token,
      ...(body !== undefined && { body: body(here, elsewhere) }),
    });
    expect(answer.status).toBe(expected);
    expect(await seenByOwner()).toEqual(before);
  });
});

test('a role at this source and this space reads them', async () => {
  const atSource = await tokenOf('source-read-only', [{ id: sourceId }]);
  expect((await server.call('GET', `/sources/${sourceId}`, { token: atSource })).status).toBe(200);
  const atSpace = await tokenOf('unify-and-engage-read-only', [{ id: server.space.id }]);
  expect((await server.call('GET', `/spaces/${server.space.id}`, { token: atSpace })).status).toBe(200);
  expect((await server.call('GET', '/spaces', { token: atSpace })).json.data.spaces).toMatchObject([{ slug: 'shop' }]);
});

test('a role at a label reaches the sources that have it', async () => {
  await server.call('POST', '/labels', { body: { label: { key: 'team', value: 'web' } } });
  await server.call('PUT', `/sources/${sourceId}/labels`, { body: { labels: [{ key: 'team', value: 'web' }] } });
  const token = await tokenOf('source-read-only', [{ labels: [{ key: 'team', value: 'web' }] }]);
  expect((await server.call('GET', `/sources/${sourceId}`, { token })).status).toBe(200);
  const other = await tokenOf('source-read-only', [{ labels: [{ key: 'team', value: 'app' }] }]);
  expect((await server.call('GET', `/sources/${sourceId}`, { token: other })).status).toBe(401);
});
