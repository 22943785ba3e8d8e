/** The conformance vectors of `profile-space.md` section 8 that can be seen through the Profile API, by number. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSpaceLog } from '../../space/space.ts';
import { openRealSpace, type RealSpace } from './real-space.conformance.ts';

let real: RealSpace;
beforeAll(async () => {
  real = await openRealSpace({ identifierDeletion: true });
});
afterAll(() => real[Symbol.asyncDispose]());

const traitsOf = async (id: string) => (await real.get(`users/profiles/${id}/traits`)).json.traits;
const idsOf = async (id: string): Promise<string[]> =>
  (await real.all(`users/profiles/${id}/external_ids`)).map((one) => `${one.type}:${one.id}`).sort();
const segmentIdOf = async (id: string) => (await real.get(`users/profiles/${id}/metadata`)).json.segment_id;

test('1: identify u1 + a1 with traits, then track a1: one profile, the track in its events', async () => {
  await real.send(
    { type: 'identify', userId: 'v1', anonymousId: 'v1-a', traits: { plan: 'x' } },
    { type: 'track', anonymousId: 'v1-a', event: 'Seen' },
  );
  expect(await segmentIdOf('anonymous_id:v1-a')).toBe(await segmentIdOf('user_id:v1'));
  expect(await traitsOf('anonymous_id:v1-a')).toEqual({ plan: 'x' });
  expect((await real.all('users/profiles/user_id:v1/events')).map(({ event }) => event)).toEqual(['Seen']);
});

test('5: the newer profile merges into the older; its segment id leads there', async () => {
  await real.send({ type: 'track', anonymousId: 'v5-a', event: 'Seen' });
  real.clock.pass(1_000);
  await real.send({ type: 'identify', userId: 'v5', traits: {} });
  const [older, newer] = [await segmentIdOf('anonymous_id:v5-a'), await segmentIdOf('user_id:v5')];
  await real.send({ type: 'track', userId: 'v5', anonymousId: 'v5-a', event: 'Joined' });
  expect(await segmentIdOf(newer)).toBe(older);
  expect(await segmentIdOf('user_id:v5')).toBe(older);
});

test('7: a track with an empty context.groupId is dropped', async () => {
  const outcomes = await real.send({ type: 'track', userId: 'v7', event: 'Seen', context: { groupId: '' } });
  expect(outcomes).toEqual([{ kind: 'dropped', reason: 'group_id_missing', detail: expect.any(String) }]);
  expect((await real.get('users/profiles/user_id:v7/events')).status).toBe(404);
});

test('8: properties.email of a track adds an identifier and no trait', async () => {
  await real.send({ type: 'track', userId: 'v8', event: 'Seen' });
  await real.send({ type: 'track', userId: 'v8', event: 'Seen', properties: { email: 'v8@example.org' } });
  expect(await idsOf('user_id:v8')).toEqual(['email:v8@example.org', 'user_id:v8']);
  expect(await traitsOf('user_id:v8')).toEqual({});
});

test('9: context.traits of a track are no traits', async () => {
  await real.send({ type: 'track', userId: 'v9', event: 'Seen', context: { traits: { plan: 'x' } } });
  expect(await traitsOf('user_id:v9')).toEqual({});
});

test('14: an e-mail address with capitals finds nobody', async () => {
  await real.send({ type: 'identify', userId: 'v14', traits: { email: 'V14@Example.org' } });
  expect((await real.get('users/profiles/email:V14@Example.org/traits')).status).toBe(404);
  expect((await real.get('users/profiles/email:v14@example.org/traits')).status).toBe(200);
});

test('17: a deleted e-mail address belongs to whoever brings it next', async () => {
  await real.send({ type: 'identify', userId: 'v17', traits: { email: 'v17@example.org' } });
  const body = { delete_external_ids: [{ id: 'v17@example.org', type: 'email' }] };
  expect((await real.remove('v17', body)).status).toBe(200);
  await real.send({ type: 'identify', userId: 'v17-u9', traits: { email: 'v17@example.org' } });
  expect(await segmentIdOf('email:v17@example.org')).toBe(await segmentIdOf('user_id:v17-u9'));
});

test('20: an invalid status for SMS changes nothing there, and the e-mail address is stored', async () => {
  const send = (sms: string, email: string) =>
    real.send({
      type: 'identify',
      userId: 'v20',
      traits: { email: 'v20@example.org' },
      context: {
        externalIds: [{ id: '+20', type: 'phone', collection: 'users', encoding: 'none' }],
        messaging_subscriptions: [
          { key: '+20', type: 'SMS', status: sms },
          { key: 'v20@example.org', type: 'EMAIL', status: email },
        ],
      },
    });
  await send('UNSUBSCRIBED', 'DID_NOT_SUBSCRIBE');
  real.clock.pass(1_000);
  await send('INVALID', 'SUBSCRIBED');
  const items = await real.all('users/profiles/user_id:v20/external_ids?verbose=true');
  const states = items.flatMap(({ subscriptions = [] }) =>
    subscriptions.map(({ channel, status }: { channel: string; status: string }) => `${channel} ${status}`),
  );
  expect(states.sort()).toEqual(['EMAIL SUBSCRIBED', 'SMS UNSUBSCRIBED']);
  const [entry] = await readSpaceLog(real.db.pool, real.space.no);
  expect(entry).toMatchObject({ kind: 'violation', reason: 'subscription_status_invalid', detail: 'SMS' });
});
