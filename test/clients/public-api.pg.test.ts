/**
 * The vendor's own client of the Public API, unmodified, configures a workspace and runs its syncs; then the same job in
 * the words of the newer generation of clients. Reads from top to bottom as what a script does.
 */
import {
  APICallsApi,
  DeliveryOverviewApi,
  DestinationsApi,
  EventsApi,
  ReverseETLApi,
  SourcesApi,
  unwrap,
  WorkspacesApi,
} from '@segment/public-api-sdk-typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPublicApi, type PublicServer } from '../../src/api/public/public.test-support.ts';
import type { Database } from '../../src/db/db.ts';
import { createUsage } from '../../src/workspace/workspace.ts';
import { emptyTestDatabase, testDatabaseUrl } from '../database.ts';

/** Of the catalog: the same as the vendor's. */
const postgres = 'WvlvcGEJsT';
const segmentProfiles = '639c2dbb1309fdcad13951b6';
const sendIdentify = 'vm2tNA5U1zxUusQkdC4D7Z';
const sendGroup = 'zfCkGpUYbWN9ns5jr1jvU';

let server: PublicServer;
let url: string;
let warehouse: Database;

beforeAll(async () => {
  warehouse = await emptyTestDatabase();
  await warehouse.pool.query('CREATE TABLE customers (id text, email text, company text)');
  await warehouse.pool.query(
    "INSERT INTO customers VALUES ('c-1', 'ada@example.org', 'acme'), ('c-2', 'bo@example.org', 'acme')",
  );
  server = await openPublicApi();
  url = `${await server.app.listen({ port: 0, host: '127.0.0.1' })}/public-api`;
  server.runSyncs();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await warehouse.close();
});

function warehouseSettings() {
  const { hostname, port, pathname, username, password } = new URL(testDatabaseUrl(warehouse));
  return { hostname, port, database: pathname.slice(1), username, password, sslmode: 'disable' };
}

const identifySettings = () => ({
  engage_space: server.space.writeKey,
  user_id: { '@path': '$.properties.id' },
  traits: { email: { '@path': '$.properties.email' } },
});
const groupSettings = () => ({
  engage_space: server.space.writeKey,
  user_id: { '@path': '$.properties.id' },
  group_id: { '@path': '$.properties.company' },
  traits: { name: { '@template': '{{properties.company}} Inc.' } },
});

async function traitsOf(path: string) {
  return (await server.profile(`${path}/traits`)).json.traits;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

test('the whole job with the client of generation 47', async () => {
  const apis = {
    workspaces: new WorkspacesApi(url),
    sources: new SourcesApi(url),
    destinations: new DestinationsApi(url),
    reverseETL: new ReverseETLApi(url),
    apiCalls: new APICallsApi(url),
  };
  for (const api of Object.values(apis)) api.accessToken = server.token.secret;
  const { workspaces, sources, destinations, reverseETL, apiCalls } = apis;

  // Is the token good?
  const { workspace } = await unwrap(workspaces.getWorkspace());
  expect(workspace.id).toBe('workspace');

  // A warehouse. Its password is never shown.
  const { source } = await unwrap(
    sources.createSource({ slug: 'orders_db', enabled: true, metadataId: postgres, settings: warehouseSettings() }),
  );
  expect(source).toMatchObject({ slug: 'orders_db', settings: { username: warehouseSettings().username } });
  expect(source.settings).not.toHaveProperty('password');

  // A query over it; how often it runs may be said here.
  const { reverseEtlModel: model } = await unwrap(
    reverseETL.createReverseEtlModel({
      sourceId: source.id,
      name: 'Customers',
      description: 'One row per customer',
      enabled: true,
      query: 'SELECT id, email, company FROM customers',
      queryIdentifierColumn: 'id',
      scheduleStrategy: 'PERIODIC' as never,
      scheduleConfig: { interval: '1h' },
    }),
  );
  expect(model).toMatchObject({ name: 'Customers', scheduleStrategy: 'PERIODIC', scheduleConfig: { interval: '1h' } });

  // The destination, and what becomes of the rows: a person each, and the company they belong to.
  const { destination } = await unwrap(
    destinations.createDestination({
      sourceId: source.id,
      metadataId: segmentProfiles,
      name: 'Profiles',
      enabled: true,
      settings: { endpoint: 'local' },
    }),
  );
  expect(destination).toMatchObject({ name: 'Profiles', settings: { endpoint: 'local' } });
  expect(destination.metadata.slug).toBe('actions-segment-profiles');
  const common = { trigger: 'event = "new" or event = "updated"', enabled: true, modelId: model.id };
  const { destinationSubscription: people } = await unwrap(
    destinations.createDestinationSubscription(destination.id, {
      ...{ ...common, name: 'Customers to profiles', actionId: sendIdentify, settings: identifySettings() },
    }),
  );
  const { destinationSubscription: companies } = await unwrap(
    destinations.createDestinationSubscription(destination.id, {
      ...{ ...common, name: 'Companies', actionId: sendGroup, enabled: false, settings: groupSettings() },
    }),
  );
  expect(people).toMatchObject({ actionSlug: 'sendIdentify', modelId: model.id, settings: identifySettings() });

  // Only what is given changes.
  const changed = await unwrap(
    destinations.updateSubscriptionForDestination(destination.id, companies.id, { input: { enabled: true } }),
  );
  expect(changed.subscription).toEqual({ ...companies, enabled: true });
  const rescheduled = await unwrap(
    reverseETL.updateReverseEtlModel(model.id, {
      scheduleStrategy: 'SPECIFIC_DAYS' as never,
      scheduleConfig: { days: [1, 3], hours: [6], timezone: 'Europe/Oslo' },
    }),
  );
  expect(rescheduled.reverseEtlModel).toMatchObject({
    ...{ name: 'Customers', scheduleStrategy: 'SPECIFIC_DAYS' },
    scheduleConfig: { days: [1, 3], hours: [6], timezone: 'Europe/Oslo' },
  });
  const listed = await unwrap(destinations.listSubscriptionsFromDestination(destination.id, { count: 10 }));
  expect(listed.subscriptions.map(({ id }) => id)).toEqual([people.id, companies.id]);

  // Start syncs, and look until they have ended.
  for (const { id: subscriptionId } of [people, companies]) {
    const { reverseETLManualSync: started } = await unwrap(
      reverseETL.createReverseETLManualSync({ sourceId: source.id, modelId: model.id, subscriptionId }),
    );
    const look = async () =>
      (await unwrap(reverseETL.getReverseETLSyncFromModel(model.id, started.syncId))).reverseETLSync;
    let sync = await look();
    for (; sync.syncStatus === 'IN_PROGRESS'; sync = await look()) await pause();
    expect(sync).toMatchObject({
      syncStatus: 'SUCCESS',
      extractPhase: { addedCount: '2', extractCount: '2' },
      loadPhase: { deliverSuccessCount: '2', deliverFailureCount: '0' },
    });
  }
  expect(await traitsOf('users/profiles/user_id:c-1')).toEqual({ email: 'ada@example.org' });
  expect(await traitsOf('accounts/profiles/group_id:acme')).toEqual({ name: 'acme Inc.' });

  const usage = await unwrap(apiCalls.getDailyWorkspaceAPICallsUsage('2026-03-01', { count: 31 }));
  expect(usage.pagination).toMatchObject({ current: 'MA==' });

  // What is in use stays; then everything goes, and is gone.
  await expect(unwrap(reverseETL.deleteReverseEtlModel(model.id))).rejects.toMatchObject({ type: 'conflict' });
  for (const { id } of [people, companies]) {
    expect(await unwrap(destinations.removeSubscriptionFromDestination(destination.id, id))).toEqual({
      status: 'SUCCESS',
    });
  }
  expect(await unwrap(destinations.deleteDestination(destination.id))).toEqual({ status: 'SUCCESS' });
  expect(await unwrap(reverseETL.deleteReverseEtlModel(model.id))).toEqual({ status: 'SUCCESS' });
  expect(await unwrap(sources.deleteSource(source.id))).toEqual({ status: 'SUCCESS' });
  await expect(unwrap(sources.getSource(source.id))).rejects.toMatchObject({ type: 'not-found' });
  await expect(unwrap(destinations.getDestination(destination.id))).rejects.toMatchObject({ type: 'not-found' });
});

test('what goes wrong comes out of the client as an error with type and message', async () => {
  const stranger = new WorkspacesApi(url);
  stranger.accessToken = 'sgp_wrong';
  await expect(unwrap(stranger.getWorkspace())).rejects.toEqual({
    type: 'unauthorized',
    message: 'The token is unknown or revoked.',
  });
  const lost = new WorkspacesApi(`${url}/nowhere`);
  lost.accessToken = server.token.secret;
  await expect(unwrap(lost.getWorkspace())).rejects.toMatchObject({ type: 'not-found' });
  const sources = new SourcesApi(url);
  sources.accessToken = server.token.secret;
  const wrong = sources.createSource({ slug: 'X!', enabled: 'yes', metadataId: postgres } as never);
  await expect(unwrap(wrong)).rejects.toMatchObject({ type: 'input-validation', field: 'slug' });

  // The client itself sends no broken JSON.
  const broken = await fetch(`${url}/sources`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token.secret}`, 'content-type': 'application/json' },
    body: '{"slug": ',
  });
  expect({ status: broken.status, body: await broken.json() }).toEqual({
    status: 400,
    body: { errors: [{ type: 'bad-request', message: 'The body is not JSON.' }] },
  });
});

test('how much came is read by type and name', async () => {
  const [events, overview] = [new EventsApi(url), new DeliveryOverviewApi(url)];
  for (const api of [events, overview]) api.accessToken = server.token.secret;
  const { db, space } = server;
  const usage = createUsage({ clock: { now: () => new Date('2026-03-20T10:20:00Z') } });
  const paid = { type: 'track', userId: 'c-1', event: 'Order Paid' };
  await db.transaction((tx) => usage.exempt(tx, space.no, space.id, [paid, paid, { type: 'identify', userId: 'c-1' }]));

  const hours = ['2026-03-20T10:00:00Z', '2026-03-20T12:00:00Z'] as const;
  const grouping = ['eventName', 'eventType', 'source'];
  const volume = await unwrap(events.getEventsVolumeFromWorkspace('HOUR', ...hours, grouping, [space.id]));
  const source = { id: space.id, name: 'Engage (shop)', slug: 'personas_shop' };
  expect(volume.query).toMatchObject({ granularity: 'HOUR', groupBy: grouping, sourceId: [space.id] });
  expect(volume.result).toMatchObject([
    { source, eventName: 'Order Paid', eventType: 'track', total: 2, series: [{ count: 2 }, { count: 0 }] },
    { source, eventType: 'identify', total: 1 },
  ]);
  const named = await unwrap(
    events.getEventsVolumeFromWorkspace('HOUR', ...hours, ['eventType'], [space.id], ['Order Paid'], ['track']),
  );
  expect(named.query).toMatchObject({ eventName: ['Order Paid'], eventType: ['track'] });
  expect(named.result).toMatchObject([{ eventType: 'track', total: 2 }]);

  const page = { count: 10 };
  const received = await unwrap(
    overview.getIngressSuccessMetricsFromDeliveryOverview(space.id, ...hours, 'hour', page, grouping.slice(0, 2)),
  );
  expect(received.dataset).toMatchObject([
    { eventName: 'Order Paid', eventType: 'track', total: 2 },
    { eventType: 'identify', total: 1 },
  ]);
});

test('the same job in the form of generation 73', async () => {
  const alpha = 'application/vnd.segment.v1alpha+json';
  const call = async (method: string, path: string, body?: object, type = 'application/json') => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${server.token.secret}`,
        accept: type,
        ...(body !== undefined && { 'content-type': type }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect(answer.status).toBeLessThan(300);
    // biome-ignore lint/suspicious/noExplicitAny: a body of any shape, looked into below
    return ((await answer.json()) as { data: any }).data;
  };

  const { source } = await call('POST', '/sources', {
    ...{ slug: 'crm_db', enabled: true, metadataId: postgres, settings: warehouseSettings() },
  });
  // Models without a schedule: that is the subscription's.
  const model = async (name: string, query: string) =>
    (
      await call(
        'POST',
        '/reverse-etl-models',
        { sourceId: source.id, name, description: '', enabled: true, query, queryIdentifierColumn: 'id' },
        alpha,
      )
    ).reverseEtlModel;
  const customers = await model('Customers', 'SELECT id, email, company FROM customers');
  expect(customers).not.toHaveProperty('scheduleStrategy');
  const slow = await model('Slow customers', 'SELECT id, email, pg_sleep(60)::text AS slept FROM customers');
  const { destination } = await call('POST', '/destinations', {
    ...{ sourceId: source.id, metadataId: segmentProfiles, name: 'Profiles', settings: {} },
  });

  // Create, then change: as Terraform does.
  const subscriptions = `/destinations/${destination.id}/subscriptions`;
  const subscription = async (modelId: string) => {
    const { destinationSubscription } = await call('POST', subscriptions, {
      ...{ name: 'new', actionId: sendIdentify, trigger: 'event = "new"', enabled: false, modelId },
      settings: identifySettings(),
    });
    const input = {
      ...{ name: 'Customers to profiles', trigger: 'event = "new" or event = "updated"', enabled: true },
      ...{ settings: identifySettings(), reverseETLModelId: modelId },
      reverseETLSchedule: { strategy: 'PERIODIC', config: { interval: '1d' } },
    };
    const changed = await call('PATCH', `${subscriptions}/${destinationSubscription.id}`, { input }, alpha);
    const { reverseETLModelId: _, ...same } = input;
    expect(changed.subscription).toMatchObject(same);
    return changed.subscription;
  };
  const people = await subscription(customers.id);
  const never = await subscription(slow.id);

  const start = async (modelId: string, subscriptionId: string) =>
    (await call('POST', '/reverse-etl-syncs', { sourceId: source.id, modelId, subscriptionId })).reverseETLManualSync;
  const look = async (modelId: string, syncId: string) =>
    (await call('GET', `/reverse-etl-models/${modelId}/syncs/${syncId}`)).reverseETLSyncStatus;

  const { syncId } = await start(customers.id, people.id);
  let sync = await look(customers.id, syncId);
  for (; sync.syncStatus === 'IN_PROGRESS'; sync = await look(customers.id, syncId)) await pause();
  expect(sync).toMatchObject({ syncStatus: 'SUCCESS', loadPhase: { deliverSuccessCount: '2' } });
  const list = await call('GET', `/reverse-etl-models/${customers.id}/subscriptionId/${people.id}/syncs?count=10`);
  expect(list.syncStatuses).toEqual([sync]);

  // One that would take too long.
  const { syncId: slowId } = await start(slow.id, never.id);
  while (!('extractPhase' in (await look(slow.id, slowId)))) await pause();
  const cancelled = await call('POST', `/reverse-etl-models/${slow.id}/syncs/${slowId}/cancel`, {
    reasonForCanceling: 4,
  });
  expect(cancelled).toEqual({ modelId: slow.id, syncId: slowId, status: 'CANCELLING' });
  let stopped = await look(slow.id, slowId);
  for (; stopped.syncStatus === 'CANCELLING'; stopped = await look(slow.id, slowId)) await pause();
  expect(stopped.syncStatus).toBe('CANCELLED');

  // A source takes everything that hangs on it along.
  expect(await call('DELETE', `/sources/${source.id}`)).toEqual({ status: 'SUCCESS' });
  expect((await call('GET', '/destinations')).destinations).toEqual([]);
  expect((await call('GET', '/reverse-etl-models')).models).toEqual([]);
});
