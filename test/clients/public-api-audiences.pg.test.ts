/** The vendor's own client of the Public API, unmodified, with audiences and computed traits that are there. */
import { AudiencesApi, ComputedTraitsApi, unwrap } from '@segment/public-api-sdk-typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPublicApi, type PublicServer } from '../../src/api/public/public.test-support.ts';

let server: PublicServer;
let url: string;
beforeAll(async () => {
  server = await openPublicApi();
  url = `${await server.app.listen({ port: 0, host: '127.0.0.1' })}/public-api`;
});
afterAll(() => server[Symbol.asyncDispose]());

const pages = { count: 1 };
async function rejected(call: Promise<unknown>) {
  return call.then(
    () => expect.fail('it was answered'),
    (error: { type: string; message: string; field?: string }) => error,
  );
}

test('audiences: listed page by page, read, disabled, removed', async () => {
  const spaceId = server.space.id;
  const api = new AudiencesApi(url);
  api.accessToken = server.token.secret;
  const query = "trait('plan') = 'pro'";
  for (const name of ['Pro', 'Also pro']) {
    const body = { name, audienceType: 'USERS', definition: { query } };
    expect((await server.call('POST', `/spaces/${spaceId}/audiences`, { body })).status).toBe(200);
  }
  const first = await unwrap(api.listAudiences(spaceId, pages));
  const next = await unwrap(api.listAudiences(spaceId, { ...pages, cursor: first.pagination.next as string }));
  expect([...first.audiences, ...next.audiences].map(({ key }) => key)).toEqual(['pro', 'also_pro']);
  expect(next.pagination.next).toBeUndefined();
  const id = first.audiences[0]?.id as string;
  const { audience } = await unwrap(api.getAudience(spaceId, id));
  expect(audience).toMatchObject({
    ...{ id, spaceId, name: 'Pro', description: '', enabled: true, status: 'Backfilling', createdBy: 'test' },
    definition: { query, type: 'users' },
  });
  const disabled = await unwrap(api.updateAudienceForSpace(spaceId, id, { enabled: false }));
  expect(disabled.audience).toMatchObject({ enabled: false, status: 'Disabled' });
  expect(await unwrap(api.removeAudienceFromSpace(spaceId, id))).toMatchObject({ status: 'SUCCESS' });
  const error = await rejected(unwrap(api.getAudience(spaceId, id)));
  expect(error).toMatchObject({ type: 'not-found', message: `Audience with id '${id}' not found.` });
});

test('computed traits: listed, read, disabled, removed', async () => {
  const spaceId = server.space.id;
  const api = new ComputedTraitsApi(url);
  api.accessToken = server.token.secret;
  const definition = { query: "event('Order Completed').within(90 days).count()", type: 'USERS' };
  await server.call('POST', `/spaces/${spaceId}/computed-traits`, { body: { name: 'Orders 90d', definition } });
  const { computedTraits } = await unwrap(api.listComputedTraits(spaceId, pages));
  expect(computedTraits).toMatchObject([{ key: 'orders_90d', definition, description: '' }]);
  const id = computedTraits[0]?.id as string;
  expect((await unwrap(api.getComputedTrait(spaceId, id))).computedTrait).toEqual(computedTraits[0]);
  const disabled = await unwrap(api.updateComputedTraitForSpace(spaceId, id, { enabled: false }));
  expect(disabled.computedTrait).toMatchObject({ enabled: false, status: 'Disabled' });
  await unwrap(api.removeComputedTraitFromSpace(spaceId, id));
  expect(await rejected(unwrap(api.getComputedTrait(spaceId, id)))).toMatchObject({ type: 'not-found' });
});
