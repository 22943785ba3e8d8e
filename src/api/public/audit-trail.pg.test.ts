/** Every route that changes something: one event in the audit trail for each success, with who it was and without values. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyTestDatabase, testDatabaseUrl } from '../../../test/database.ts';
import type { Database } from '../../db/db.ts';
import { readAudit } from '../../workspace/workspace.ts';
import { type Answered, openPublicApi, type PublicServer } from './public.test-support.ts';
import { routesAsData } from './routes.ts';

let server: PublicServer;
let warehouse: Database;
beforeAll(async () => {
  server = await openPublicApi();
  warehouse = await emptyTestDatabase();
  await warehouse.pool.query('CREATE TABLE customers (id text, email text)');
  await warehouse.pool.query("INSERT INTO customers VALUES ('canary-row', 'canary@example.org')");
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await warehouse.close();
});

/** They only look, or mark what was read. */
const changeNothing = [
  'PATCH /sources/:sourceId/settings',
  'POST /spaces/:spaceId/messaging-subscriptions/batch',
  'POST /notices/read',
  'POST /sources/:sourceId/test',
  'POST /sources/:sourceId/preview',
  'POST /reverse-etl-models/:modelId/suggested-mappings',
  'POST /destinations/:destinationId/test',
  'POST /destinations/:destinationId/subscriptions/:id/plan',
];

type Ids = Record<string, string>;

interface Step {
  readonly route: string;
  readonly body?: (ids: Ids) => object;
  readonly query?: (ids: Ids) => string;
  /** Whose place in the answer is the id of what was made, and what it is called from then on. */
  readonly made?: readonly [name: string, find: (data: Answered['json']) => string];
  readonly type: string;
  /** Before the request. */
  readonly first?: (ids: Ids) => Promise<unknown>;
}

const sql = (text: string, ...values: unknown[]) => server.db.pool.query(text, values);
const people = (...subjectIds: string[]) => ({ regulationType: 'DELETE_INTERNAL', subjectType: 'USER_ID', subjectIds });
const reader = { roleId: 'source-read-only', resources: [{ id: 'workspace', type: 'WORKSPACE' }] };
const deployer = { roleId: 'source-admin', resources: [{ id: 'workspace', type: 'WORKSPACE' }] };
const label = { key: 'team', value: 'web' };
const sync = (name: string) => [name, (data: Answered['json']) => data.reverseETLManualSync.syncId] as const;

/** The sync that was asked for last runs to its end. */
async function ended(ids: Ids): Promise<void> {
  server.runSyncs();
  for (;;) {
    const { json } = await server.call('GET', `/reverse-etl-models/${ids.modelId}/syncs/${ids.syncId}`);
    if (json.data.reverseETLSync.finishedAt !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** As it stands after a sync that could not deliver a row. */
function oneRowFailed({ syncId }: Ids): Promise<unknown> {
  return sql(
    `INSERT INTO sync_rows (sync_id, no, kind, record_id, rows, code, reason)
      VALUES ($1, 0, 'refused', 'canary-row', 1, 'invalid', 'It was refused.')`,
    syncId,
  );
}

/** Two names change places: paths call different things `id`. */
const swap = (a: string, b: string) => async (ids: Ids) => {
  const [atA, atB] = [ids[a] as string, ids[b] as string];
  Object.assign(ids, { [a]: atB, [b]: atA });
};

const source = '/sources/:sourceId';
const subscriptions = '/destinations/:destinationId/subscriptions';
const oneSync = '/reverse-etl-models/:modelId/syncs/:syncId';

const steps: readonly Step[] = [
  { route: 'POST /labels', body: () => ({ label }), type: 'Label Created' },
  {
    route: 'POST /sources',
    body: () => {
      const { hostname, port, pathname, username, password } = new URL(testDatabaseUrl(warehouse));
      const settings = { hostname, port, database: pathname.slice(1), username, password, sslmode: 'disable' };
      return { slug: 'shop_db', enabled: true, metadataId: 'WvlvcGEJsT', settings };
    },
    made: ['sourceId', ({ source: { id } }) => id],
    type: 'Source Created',
  },
  { route: `PATCH ${source}`, body: () => ({ name: 'Shop' }), type: 'Source Modified' },
  {
    route: `POST ${source}/writekey`,
    made: ['writeKey', ({ source: { writeKeys } }) => writeKeys[1]],
    type: 'Write Key Created',
  },
  { route: `DELETE ${source}/writekey/:writeKey`, type: 'Write Key Deleted' },
  { route: `POST ${source}/labels`, body: () => ({ labels: [label] }), type: 'Source Modified' },
  { route: `PUT ${source}/labels`, body: () => ({ labels: [] }), type: 'Source Modified' },
  {
    route: 'POST /reverse-etl-models',
    body: ({ sourceId }) => ({
      ...{ sourceId, name: 'Customers', description: '', enabled: true },
      ...{ query: 'SELECT id, email FROM customers', queryIdentifierColumn: 'id' },
    }),
    made: ['modelId', ({ reverseEtlModel: { id } }) => id],
    type: 'Model Created',
  },
  { route: 'PATCH /reverse-etl-models/:modelId', body: () => ({ name: 'People' }), type: 'Model Settings Saved' },
  {
    route: 'POST /destinations',
    body: ({ sourceId }) => ({ sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings: {} }),
    made: ['destinationId', ({ destination: { id } }) => id],
    type: 'Integration Created',
  },
  { route: 'PATCH /destinations/:destinationId', body: () => ({ name: 'Profiles' }), type: 'Integration Modified' },
  {
    route: `POST ${subscriptions}`,
    body: ({ modelId }) => ({
      ...{ name: 'People', actionId: 'vm2tNA5U1zxUusQkdC4D7Z', enabled: true, modelId },
      trigger: 'event = "new" or event = "updated"',
      settings: { engage_space: server.space.writeKey, user_id: { '@path': '$.properties.id' } },
    }),
    made: ['id', ({ destinationSubscription: { id } }) => id],
    type: 'Destination Subscription Created',
  },
  {
    route: `PATCH ${subscriptions}/:id`,
    body: () => ({ input: { name: 'Everybody' } }),
    type: 'Destination Subscription Modified',
  },
  { route: `POST ${subscriptions}/:id/test`, body: () => ({ send: true }), type: 'Test Record Sent' },
  {
    route: `POST ${subscriptions}/test`,
    body: ({ modelId }) => ({
      ...{ modelId, actionId: 'vm2tNA5U1zxUusQkdC4D7Z', trigger: 'event = "new"', send: true },
      settings: { engage_space: server.space.writeKey, user_id: { '@path': '$.properties.id' } },
    }),
    type: 'Test Record Sent',
  },
  {
    route: 'POST /reverse-etl-syncs',
    body: ({ sourceId, modelId, id }) => ({ sourceId, modelId, subscriptionId: id }),
    made: sync('syncId'),
    type: 'Sync Started',
  },
  { route: `POST ${oneSync}/cancel`, type: 'Sync Cancelled' },
  { route: `POST ${oneSync}/retry-failed`, first: oneRowFailed, made: sync('syncId'), type: 'Sync Retried' },
  { route: `POST ${oneSync}/replay`, first: ended, made: sync('syncId'), type: 'Sync Replayed' },
  {
    route: 'PUT /spaces/:spaceId/messaging-subscriptions',
    body: () => ({ subscriptions: [{ key: 'canary@example.org', type: 'EMAIL', status: 'SUBSCRIBED' }] }),
    type: 'Messaging Subscriptions Replaced',
  },
  {
    route: 'POST /regulations',
    body: () => people('canary-1'),
    made: ['regulateId', ({ regulateId }) => regulateId],
    type: 'Workspace Regulation Created',
  },
  { route: 'DELETE /regulations/:regulateId', type: 'Regulation Deleted' },
  {
    route: 'POST /regulations/sources/:sourceId',
    first: async (ids) => {
      ids.sourceId = server.space.id;
    },
    body: () => people('canary-2'),
    made: ['regulateId', ({ regulateId }) => regulateId],
    type: 'Source Regulation Created',
  },
  { route: `POST ${subscriptions}/:id/reset`, first: ended, type: 'Destination Subscription Reset' },
  {
    route: 'POST /spaces/:spaceId/audiences/previews',
    body: () => ({ audienceType: 'USERS', definition: { query: "trait('email') = 'canary@example.org'" } }),
    type: 'Audience Preview Created',
  },
  {
    route: 'POST /spaces/:spaceId/audiences',
    body: () => ({
      ...{ name: 'Mailable', description: 'canary', audienceType: 'USERS' },
      definition: { query: "trait('email') = 'canary@example.org'" },
    }),
    made: ['audienceId', ({ audience: { id } }) => id],
    type: 'Audience Created',
  },
  {
    route: 'PATCH /spaces/:spaceId/audiences/:id',
    first: swap('id', 'audienceId'),
    body: () => ({ enabled: false, description: 'canary 2' }),
    type: 'Audience Modified',
  },
  { route: 'DELETE /spaces/:spaceId/audiences/:id', type: 'Audience Deleted' },
  {
    route: 'POST /spaces/:spaceId/computed-traits',
    body: () => ({ name: 'Logins', definition: { query: "event('Login').count()", type: 'USERS' } }),
    made: ['id', ({ computedTrait: { id } }) => id],
    type: 'Computed Trait Created',
  },
  {
    route: 'PATCH /spaces/:spaceId/computed-traits/:id',
    body: () => ({ name: 'All logins' }),
    type: 'Computed Trait Modified',
  },
  { route: 'DELETE /spaces/:spaceId/computed-traits/:id', type: 'Computed Trait Deleted' },
  { route: `DELETE ${subscriptions}/:id`, first: swap('id', 'audienceId'), type: 'Destination Subscription Deleted' },
  { route: 'DELETE /destinations/:destinationId', type: 'Integration Deleted' },
  { route: 'DELETE /reverse-etl-models/:modelId', type: 'Model Deleted' },
  {
    route: `DELETE ${source}`,
    first: async (ids) => {
      ids.sourceId = (await sql('SELECT id FROM sources')).rows[0].id;
    },
    type: 'Source Deleted',
  },
  { route: 'DELETE /labels/:key/:value', type: 'Label Deleted' },
  {
    route: 'POST /spaces',
    body: () => ({ name: 'Second' }),
    made: ['spaceId', ({ space: { id } }) => id],
    type: 'Space Created',
  },
  { route: 'PATCH /spaces/:spaceId', body: () => ({ name: 'Other' }), type: 'Space Modified' },
  {
    route: 'POST /spaces/:spaceId/tokens',
    body: () => ({ name: 'shop' }),
    made: ['tokenId', ({ token: { id } }) => id],
    type: 'Access Token Created',
  },
  { route: 'DELETE /spaces/:spaceId/tokens/:tokenId', type: 'Access Token Revoked' },
  { route: 'DELETE /spaces/:spaceId', type: 'Space Deleted' },
  {
    route: 'POST /alerts',
    body: () => ({ name: 'Nightly', on: ['sync_failed'] }),
    made: ['alertId', ({ alert: { id } }) => id],
    type: 'Alert Created',
  },
  { route: 'PATCH /alerts/:alertId', body: () => ({ enabled: false }), type: 'Alert Disabled' },
  { route: 'POST /alerts/:alertId/test', type: 'Alert Tested' },
  { route: 'DELETE /alerts/:alertId', type: 'Alert Deleted' },
  {
    route: 'POST /tokens',
    body: () => ({ name: 'deploy', permissions: [deployer] }),
    made: ['tokenId', ({ token: { id } }) => id],
    type: 'Access Token Created',
  },
  { route: 'DELETE /tokens/:tokenId', type: 'Access Token Revoked' },
  { route: 'POST /invites', body: () => ({ invites: [{ email: 'bo@example.org' }] }), type: 'User Invited' },
  { route: 'DELETE /invites', query: () => '?emails[]=bo@example.org', type: 'User Removed' },
  {
    route: 'POST /users/:userId/permissions',
    first: async (ids) => {
      await server.call('POST', '/invites', { body: { invites: [{ email: 'cy@example.org' }] } });
      ids.userId = (await sql('SELECT id FROM people')).rows[0].id;
    },
    body: () => ({ permissions: [deployer] }),
    type: 'User Permissions Modified',
  },
  {
    route: 'PUT /users/:userId/permissions',
    body: () => ({ permissions: [reader] }),
    type: 'User Permissions Modified',
  },
  { route: 'POST /people/:userId/link', type: 'User Password Reset' },
  { route: 'DELETE /users', query: ({ userId }) => `?userIds[]=${userId}`, type: 'User Removed' },
];

test('every changing route is among the steps, or changes nothing', () => {
  const changing = routesAsData().filter(({ method }) => method !== 'GET');
  expect([...steps.map(({ route }) => route), ...changeNothing].sort()).toEqual(
    changing.map(({ method, url }) => `${method} ${url}`).sort(),
  );
});

test('each success leaves one event, of the right type, by the token', async () => {
  const ids: Ids = { spaceId: server.space.id, ...label };
  const events = async () => (await readAudit(server.db.pool, {}, { offset: 0, count: 1_000 })).events;
  for (const { route, body, query, made, type, first } of steps) {
    await first?.(ids);
    const [method = '', path = ''] = route.split(' ');
    const url = path.replace(/:(\w+)/g, (_, name: string) => ids[name] as string) + (query?.(ids) ?? '');
    const before = await events();
    const answer = await server.call(method as 'POST', url, body === undefined ? {} : { body: body(ids) });
    expect([route, Math.floor(answer.status / 100)]).toEqual([route, 2]);
    const after = await events();
    const added = after.slice(0, after.length - before.length);
    expect([route, added.map((event) => event.type)]).toEqual([route, [type]]);
    expect(added[0]).toMatchObject({ actor: server.token.id, actorName: 'test' });
    if (made !== undefined) ids[made[0]] = made[1](answer.json.data);
  }
  expect(JSON.stringify(await events())).not.toContain('canary');
});

test('what is refused, or finds nothing to change, leaves none', async () => {
  const count = async () => (await sql('SELECT FROM audit_events')).rowCount;
  const before = await count();
  for (const [method, path, body] of [
    ['POST', '/regulations', people('')],
    ['DELETE', '/regulations/reg_none', undefined],
    ['POST', '/reverse-etl-models/none/syncs/none/cancel', undefined],
    ['PUT', `/spaces/${server.space.id}/messaging-subscriptions`, { subscriptions: [{ key: 'x', type: 'EMAIL' }] }],
    ['DELETE', '/labels/none/none', undefined],
  ] as const) {
    await server.call(method, path, body === undefined ? {} : { body });
  }
  expect(await count()).toBe(before);
});
