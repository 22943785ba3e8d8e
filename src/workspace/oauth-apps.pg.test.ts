import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { readPublicKey } from './public-keys.ts';
import {
  addOauthKey,
  createEventStream,
  createOauthApp,
  createSpace,
  findOauthApp,
  listOauthApps,
  type NewOauthApp,
  removeOauthApp,
  removeOauthKey,
} from './workspace.ts';

const rsa = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength });
const pemOf = ({ publicKey }: ReturnType<typeof rsa>) => publicKey.export({ type: 'spki', format: 'pem' }).toString();
const [one, two, three] = [rsa(), rsa(), rsa()];

const wanted: NewOauthApp = { name: 'importer', keys: [], scopes: ['tracking_api:write'], tokenDays: 7, streams: [] };

test('an app is made, found by name and id, listed, and removed', async () => {
  await using db = await testDatabase();
  await createSpace(db.pool, 'main');
  for (const name of ['website', 'app']) await createEventStream(db, { name, spaces: ['main'], clientSide: false });
  const importer = await createOauthApp(db, { ...wanted, keys: [pemOf(one)], streams: ['website', 'app', 'website'] });
  expect(importer).toEqual({
    id: expect.stringMatching(/^oap_[0-9A-Za-z]{27}$/),
    name: 'importer',
    scopes: ['tracking_api:write'],
    tokenDays: 7,
    streams: ['app', 'website'],
    keys: [
      {
        id: expect.stringMatching(/^oak_[0-9A-Za-z]{27}$/),
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        createdAt: expect.any(Date),
      },
    ],
    createdAt: expect.any(Date),
  });
  const everywhere = await createOauthApp(db, { ...wanted, name: 'everywhere' });
  expect([everywhere.streams, everywhere.keys]).toEqual([null, []]);
  expect(await listOauthApps(db.pool)).toEqual([everywhere, importer]);
  expect(await findOauthApp(db.pool, 'importer')).toEqual(importer);
  expect(await findOauthApp(db.pool, importer.id)).toEqual(importer);
  await removeOauthApp(db, 'importer');
  expect(await listOauthApps(db.pool)).toEqual([everywhere]);
  await expect(removeOauthApp(db, importer.id)).rejects.toMatchObject({ code: 'not_found' });
  await expect(findOauthApp(db.pool, 'everywere')).rejects.toMatchObject({
    message: 'There is no OAuth app "everywere".',
    help: expect.stringContaining('everywhere'),
  });
});

test('what an app cannot be is refused, and nothing is made', async () => {
  await using db = await testDatabase();
  await createOauthApp(db, { ...wanted, name: 'there' });
  const refused = async (more: Partial<NewOauthApp>) =>
    createOauthApp(db, { ...wanted, ...more }).catch(({ code }: { code: string }) => code);
  expect(await refused({ name: 'No Name' })).toBe('name_invalid');
  expect(await refused({ name: 'there' })).toBe('name_taken');
  for (const scope of ['functions:write', 'public_api:read_write', '', 'x']) {
    expect(await refused({ scopes: [scope] })).toBe('oauth_scope_unsupported');
  }
  expect(await refused({ streams: ['nowhere'] })).toBe('not_found');
  expect(await refused({ keys: ['x'] })).toBe('oauth_key_invalid');
  expect(await refused({ keys: [pemOf(one), pemOf(one)] })).toBe('oauth_key_taken');
  expect(await refused({ keys: [one, two, three].map(pemOf) })).toBe('oauth_keys_full');
  expect((await listOauthApps(db.pool)).map(({ name }) => name)).toEqual(['there']);
});

test('an app has two keys at most, also when several are added at once', async () => {
  await using db = await testDatabase();
  const { id } = await createOauthApp(db, { ...wanted, keys: [pemOf(one)] });
  const added = await Promise.allSettled([two, three].map((pair) => addOauthKey(db, id, pemOf(pair))));
  expect(added.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const full = await findOauthApp(db.pool, id);
  expect(full.keys).toHaveLength(2);
  const [first, second] = full.keys.map((key) => key.id) as [string, string];
  await expect(addOauthKey(db, id, pemOf(one))).rejects.toMatchObject({ code: 'oauth_key_taken' });
  expect((await removeOauthKey(db, id, first)).keys.map((key) => key.id)).toEqual([second]);
  await expect(removeOauthKey(db, id, first)).rejects.toMatchObject({ code: 'not_found', help: `It has ${second}.` });
  const again = await addOauthKey(db, 'importer', pemOf(one));
  expect(again.app.keys.map((key) => key.id)).toEqual([second, again.keyId]);
  // Of another app it is none of theirs.
  await createOauthApp(db, { ...wanted, name: 'other' });
  await expect(removeOauthKey(db, 'other', second)).rejects.toMatchObject({ code: 'not_found', help: 'It has none.' });
});

test('a public key is kept in one form', () => {
  const kept = readPublicKey(pemOf(one));
  expect(kept.pem).toBe(pemOf(one));
  expect(readPublicKey(`\r\n${pemOf(one).replaceAll('\n', '\r\n')}`)).toEqual(kept);
  const pkcs1 = one.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  expect(pkcs1).toContain('BEGIN RSA PUBLIC KEY');
  expect(readPublicKey(pkcs1)).toEqual(kept);
});

test.each<[string, () => string, RegExp]>([
  ['a private key', () => one.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), /private key/],
  ['an old private key', () => one.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(), /private key/],
  [
    'a private key behind a public one',
    () => `${pemOf(one)}${one.privateKey.export({ type: 'pkcs8', format: 'pem' })}`,
    /private/,
  ],
  ['two keys', () => pemOf(one) + pemOf(two), /damaged, or holds more than one/],
  ['1024 bits', () => pemOf(rsa(1024)), /has 1024 bits/],
  [
    'an elliptic curve',
    () =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    /type ec/,
  ],
  [
    'RSA for PSS alone',
    () =>
      generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
        .publicKey.export({ type: 'spki', format: 'pem' })
        .toString(),
    /type rsa-pss/,
  ],
  ['half a key', () => pemOf(one).replace(/\n[^\n]+\n/, '\n'), /damaged/],
  ['nothing', () => '', /no public key/],
  ['an SSH key', () => 'ssh-rsa AAAAB3NzaC1yc2E user@host', /no public key/],
])('%s is no public key for us', (_, text, why) => {
  const read = () => readPublicKey(text());
  expect(read).toThrowError(why);
  expect(read).toThrowError(expect.objectContaining({ code: 'oauth_key_invalid' }));
});
