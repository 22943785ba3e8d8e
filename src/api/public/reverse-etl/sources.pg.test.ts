/** `/sources`, `/catalog` and write keys, as clients use them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspaceToken } from '../../../workspace/workspace.ts';
import { type Answered, openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
beforeAll(async () => {
  server = await openPublicApi();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const postgres = {
  slug: 'orders_db',
  enabled: true,
  metadataId: 'WvlvcGEJsT',
  settings: {
    hostname: '127.0.0.1',
    port: '5432',
    database: 'shop',
    username: 'retl',
    password: 's3cret-pw42',
    team: 'x',
  },
};

test('the workspace of the token, as integrations test a connection', async () => {
  const { status, json } = await server.call('GET', '/');
  expect({ status, json }).toMatchObject({ status: 200, json: { data: { workspace: { id: 'workspace' } } } });
});

test('the catalog has the vendor’s ids, and says what cannot be read', async () => {
  const { json } = await server.call('GET', '/catalog/sources/WvlvcGEJsT');
  expect(json.data.sourceMetadata).toMatchObject({ slug: 'postgres', categories: ['Warehouse'], status: 'PUBLIC' });
  const duckdb = (await server.call('GET', '/catalog/sources/dUckDbF1Le')).json.data.sourceMetadata;
  expect(duckdb.description).toContain('reads a DuckDB file, or Parquet, CSV and JSON files');
  expect((await server.call('GET', '/catalog/sources/BQp3zGUgjV')).json.data.sourceMetadata.status).toBe('UNAVAILABLE');
  const destination = (await server.call('GET', '/catalog/destinations/639c2dbb1309fdcad13951b6')).json.data
    .destinationMetadata;
  expect(destination.actions.map(({ slug, id }: { slug: string; id: string }) => [slug, id])).toEqual([
    ['sendIdentify', 'vm2tNA5U1zxUusQkdC4D7Z'],
    ['sendGroup', 'zfCkGpUYbWN9ns5jr1jvU'],
    ['sendSubscription', 'bJDm8aeYaQaGLVGtnRa28W'],
    ['sendTrack', 'ujsJxBdpg7XkYwKSKREnQt'],
  ]);
});

describe('a Postgres source', () => {
  let id: string;

  test('is made with 201 and a write key; its password is never shown, what it does not know is kept', async () => {
    const { status, json } = await server.call('POST', '/sources', { body: postgres });
    expect(status).toBe(201);
    const { source } = json.data;
    id = source.id;
    expect(source).toMatchObject({
      slug: 'orders_db',
      name: 'orders_db',
      workspaceId: 'workspace',
      enabled: true,
      labels: [],
    });
    expect(source.writeKeys).toEqual([expect.stringMatching(/^[0-9A-Za-z]{32}$/)]);
    expect(source.settings).toEqual({
      ...{ hostname: '127.0.0.1', port: '5432', database: 'shop', username: 'retl', team: 'x' },
    });
    expect(JSON.stringify(json)).not.toContain('s3cret');
  });

  test('is merged by key: a masked or missing password stays', async () => {
    const body = { name: 'Orders', settings: { database: 'shop2', password: '••••••••••pw42' } };
    const { json } = await server.call('PATCH', `/sources/${id}`, { body });
    expect(json.data.source).toMatchObject({
      name: 'Orders',
      slug: 'orders_db',
      settings: { database: 'shop2', hostname: '127.0.0.1' },
    });
    const { rows } = await server.db.pool.query('SELECT settings, secrets FROM sources WHERE id = $1', [id]);
    expect(rows[0]).toMatchObject({ settings: { host: '127.0.0.1', port: 5432, database: 'shop2', password: null } });
    expect(rows[0].secrets).not.toBeNull();
  });

  test('its password goes to no other server unless it is given again', async () => {
    const change = (settings: object) => server.call('PATCH', `/sources/${id}`, { body: { settings } });
    const refusal = {
      status: 422,
      json: { errors: [{ field: 'settings.password', message: expect.stringContaining('given again') }] },
    };
    expect(await change({ hostname: '127.0.0.2' })).toMatchObject(refusal);
    expect(await change({ port: '5433', password: '••••••••••pw42' })).toMatchObject(refusal);
    expect((await change({ hostname: null })).status).toBe(200);
    expect(await change({ hostname: '127.0.0.2' })).toMatchObject(refusal);
    expect((await change({ hostname: '127.0.0.2', sslmode: 'verify-full', password: 'another' })).status).toBe(200);
    expect(await change({ sslmode: 'prefer' })).toMatchObject(refusal);
    expect((await change({ hostname: '127.0.0.1', sslmode: 'prefer', password: 's3cret-pw42' })).status).toBe(200);
    expect((await change({ username: 'retl', port: '5432' })).status).toBe(200);
  });

  test('its slug is taken', async () => {
    const { status, json } = await server.call('POST', '/sources', { body: postgres });
    expect({ status, json }).toMatchObject({ status: 409, json: { errors: [{ type: 'conflict', field: 'slug' }] } });
  });

  test('every fault is told at once', async () => {
    const { status, json } = await server.call('POST', '/sources', { body: { enabled: 'yes', settings: [] } });
    expect(status).toBe(422);
    expect(json.errors).toEqual([
      { type: 'input-validation', message: '"slug" is required', field: 'slug' },
      { type: 'input-validation', message: '"enabled" must be a boolean', field: 'enabled' },
      { type: 'input-validation', message: '"metadataId" is required', field: 'metadataId' },
      { type: 'input-validation', message: '"settings" must be an object', field: 'settings' },
    ]);
  });

  test('also of the settings, and a taken slug, beside parts that have another shape', async () => {
    const fieldsOf = ({ json }: Answered) => json.errors.map(({ field }: { field: string }) => field).sort();
    const settings = { ...postgres.settings, port: 'abc' };
    expect(fieldsOf(await server.call('POST', '/sources', { body: { ...postgres, settings } }))).toEqual([
      ...['settings.port', 'slug'],
    ]);
    const body = { ...postgres, slug: 'Not A Slug', enabled: 'x', settings };
    expect(fieldsOf(await server.call('POST', '/sources', { body }))).toEqual(['enabled', 'settings.port', 'slug']);
    const unknown = { ...postgres, slug: 'Not A Slug', metadataId: 'nope' };
    expect(fieldsOf(await server.call('POST', '/sources', { body: unknown }))).toEqual(['metadataId', 'slug']);
    const change = { enabled: 'x', settings: { port: 'abc' } };
    expect(fieldsOf(await server.call('PATCH', `/sources/${id}`, { body: change }))).toEqual([
      ...['enabled', 'settings.password', 'settings.port'],
    ]);
  });

  test('write keys come and go', async () => {
    const added = await server.call('POST', `/sources/${id}/writekey`);
    const [first, second] = added.json.data.source.writeKeys;
    expect(second).toMatch(/^[0-9A-Za-z]{32}$/);
    const removed = await server.call('DELETE', `/sources/${id}/writekey/${first}`);
    expect(removed.json).toEqual({ data: { status: 'SUCCESS' } });
    expect((await server.call('GET', `/sources/${id}`)).json.data.source.writeKeys).toEqual([second]);
    expect((await server.call('DELETE', `/sources/${id}/writekey/${first}`)).status).toBe(404);
  });

  test('a read-only token sees no write keys and changes nothing; one without the source sees nothing', async () => {
    const token = async (role: 'source-read-only' | 'end-user-privacy-admin') =>
      (await createWorkspaceToken(server.db.pool, role, { role: 'member', permissions: [{ role, resources: 'all' }] }))
        .secret;
    const readOnly = await token('source-read-only');
    expect((await server.call('GET', `/sources/${id}`, { token: readOnly })).json.data.source.writeKeys).toEqual([]);
    expect((await server.call('DELETE', `/sources/${id}`, { token: readOnly })).status).toBe(401);
    expect((await server.call('GET', '/sources', { token: await token('end-user-privacy-admin') })).status).toBe(401);
  });

  test('deleting it answers once', async () => {
    expect((await server.call('DELETE', `/sources/${id}`)).json).toEqual({ data: { status: 'SUCCESS' } });
    expect((await server.call('DELETE', `/sources/${id}`)).status).toBe(404);
    expect((await server.call('GET', `/sources/${id}`)).status).toBe(404);
  });
});

test('a role at one source reaches that source alone', async () => {
  const made = await Promise.all(
    ['one', 'two'].map((slug) => server.call('POST', '/sources', { body: { ...postgres, slug } })),
  );
  const [one, two] = made.map(({ json }) => json.data.source.id);
  const { secret } = await createWorkspaceToken(server.db.pool, 'one', {
    role: 'member',
    permissions: [{ role: 'source-admin', resources: [{ id: one }] }],
  });
  const list = await server.call('GET', '/sources', { token: secret });
  expect(list.json.data.sources.map(({ id }: { id: string }) => id)).toEqual([one]);
  expect((await server.call('PATCH', `/sources/${two}`, { token: secret, body: { enabled: false } })).status).toBe(401);
  expect((await server.call('PATCH', `/sources/${one}`, { token: secret, body: { enabled: false } })).status).toBe(200);
  expect((await server.call('POST', '/sources', { token: secret, body: { ...postgres, slug: 'three' } })).status).toBe(
    401,
  );
});

test('the space is found as the destination finds it, in pages of ten', async () => {
  for (let no = 0; no < 11; no++) {
    await server.call('POST', '/sources', { body: { slug: `web-${no}`, enabled: true, metadataId: 'iUM16Md8P2' } });
  }
  const found: unknown[] = [];
  let cursor: string | undefined = 'MA==';
  while (cursor !== undefined) {
    const { json }: Answered = await server.call(
      'GET',
      `/sources?pagination%5Bcount%5D=10&pagination%5Bcursor%5D=${cursor}`,
    );
    found.push(
      ...json.data.sources.filter(
        (source: { metadata: { slug: string } }) => source.metadata.slug === 'personas-compute',
      ),
    );
    expect(json.data.sources.length).toBeLessThanOrEqual(10);
    cursor = json.data.pagination.next;
  }
  expect(found).toMatchObject([{ name: 'Engage (shop)', writeKeys: [server.space.writeKey] }]);
});

test('files are read over the API below the folders of the setting alone', async () => {
  const duckdb = (path: string) => ({ slug: 'files', enabled: true, metadataId: 'dUckDbF1Le', settings: { path } });
  const { status, json } = await server.call('POST', '/sources', { body: duckdb('/etc/passwd') });
  expect(status).toBe(422);
  expect(json.errors[0]).toMatchObject({ field: 'settings.path' });
  expect((await server.call('POST', '/sources', { body: duckdb('/tmp/../etc/x.db') })).status).toBe(422);
  expect((await server.call('POST', '/sources', { body: duckdb('/tmp/x.db') })).status).toBe(201);
});

test('who changed what is noted, without values', async () => {
  const { rows } = await server.db.pool.query('SELECT type, actor, resource_name, changed FROM audit_events');
  expect(rows).toContainEqual({
    type: 'Source Created',
    actor: server.token.id,
    resource_name: 'orders_db',
    changed: [],
  });
  expect(rows).toContainEqual({
    ...{ type: 'Source Settings Modified', actor: server.token.id, resource_name: 'orders_db' },
    changed: ['database', 'title'],
  });
  expect(JSON.stringify(rows)).not.toContain('s3cret');
});
