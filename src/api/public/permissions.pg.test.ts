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
beforeAll(async () => {
  server = await openPublicApi();
  const body = { slug: 'shop', enabled: true, metadataId: 'WvlvcGEJsT' };
  sourceId = (await server.call('POST', '/sources', { body })).json.data.source.id;
});
afterAll(() => server[Symbol.asyncDispose]());

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
      const ids = { sourceId, spaceId: server.space.id };
      for (const { method, path, power, about } of routes.filter((route) => route.about !== '')) {
        const holds = has.has(power) && (place === 'the workspace' || `a ${place}` !== `${about}s`);
        if (holds) continue;
        const { status } = await server.call(method, filled(path, ids), {
          token,
          ...(method !== 'GET' && { body: {} }),
        });
        expect([method, path, status]).toEqual([method, path, 401]);
      }
      for (const [path, key, power] of [
        ['/sources', 'sources', 'source:read'],
        ['/spaces', 'spaces', 'space:read'],
      ] as const) {
        const { status, json } = await server.call('GET', path, { token });
        if (!has.has(power)) expect(status).toBe(401);
        else if (place !== 'the workspace') expect([status, json.data[key]]).toEqual([200, []]);
      }
    });
  },
);

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
