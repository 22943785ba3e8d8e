import { expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { defaultSpaceSettings } from '../space/space.ts';
import {
  createSpace,
  createToken,
  createWorkspaceToken,
  findSpace,
  listSpaces,
  listTokens,
  revokeToken,
  verifyToken,
  verifyWorkspaceToken,
} from './workspace.ts';

test('a new space has the eleven default identifiers', () => {
  const { identifiers, autoRegister } = defaultSpaceSettings();
  expect(autoRegister).toBe(true);
  expect(identifiers.map(({ type }) => type)).toEqual([
    'user_id',
    'email',
    'android.id',
    'android.idfa',
    'android.push_token',
    'anonymous_id',
    'ga_client_id',
    'group_id',
    'ios.id',
    'ios.idfa',
    'ios.push_token',
  ]);
  for (const rule of identifiers) {
    expect(rule).toEqual({
      type: rule.type,
      collection: rule.type === 'group_id' ? 'accounts' : 'users',
      limit: rule.type === 'user_id' ? 1 : 5,
      window: 'ever',
      blocked: { values: ['-1', 'null', 'anonymous'], patterns: ['^[0-]*$'] },
      custom: false,
    });
  }
});

test('fifty spaces made at once get fifty numbers', async () => {
  await using db = await testDatabase();
  const spaces = await Promise.all(Array.from({ length: 50 }, (_, n) => createSpace(db.pool, `space-${n}`)));
  expect(new Set(spaces.map(({ no }) => no))).toEqual(new Set(Array.from({ length: 50 }, (_, n) => n + 1)));
  expect(new Set(spaces.map(({ writeKey }) => writeKey)).size).toBe(50);
  for (const { id, writeKey } of spaces) {
    expect(id).toMatch(/^spa_[0-9A-Za-z]{27}$/);
    expect(writeKey).toMatch(/^[0-9A-Za-z]{32}$/);
  }
  expect((await listSpaces(db.pool)).map(({ no }) => no)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
});

test('the number of a removed space is not given again', async () => {
  await using db = await testDatabase();
  await createSpace(db.pool, 'first');
  const second = await createSpace(db.pool, 'second');
  await db.pool.query('DELETE FROM spaces WHERE id = $1', [second.id]);
  expect((await createSpace(db.pool, 'third')).no).toBeGreaterThan(second.no);
});

test('a name is taken once, also by two at once, and must be a name', async () => {
  await using db = await testDatabase();
  const made = await Promise.allSettled(Array.from({ length: 5 }, () => createSpace(db.pool, 'main')));
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const result of made)
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'name_taken' });
  await expect(createSpace(db.pool, 'Main Space')).rejects.toMatchObject({ code: 'name_invalid' });
});

test('a space is found by name, id and write key; near names are offered', async () => {
  await using db = await testDatabase();
  const space = await createSpace(db.pool, 'main');
  await createSpace(db.pool, 'other');
  for (const key of [space.name, space.id, space.writeKey]) expect(await findSpace(db.pool, key)).toEqual(space);
  expect(space.settings).toEqual(defaultSpaceSettings());
  await expect(findSpace(db.pool, 'mian')).rejects.toMatchObject({ code: 'not_found', help: 'Did you mean "main"?' });
  await expect(findSpace(db.pool, 'ma\0in')).rejects.toMatchObject({ code: 'not_found' });
});

test('a token opens its space until it is revoked, and only a hash of it is stored', async () => {
  await using db = await testDatabase();
  const [main, other] = [await createSpace(db.pool, 'main'), await createSpace(db.pool, 'other')];
  const { id, secret } = await createToken(db.pool, main.id, 'web shop');
  const second = await createToken(db.pool, other.id, 'web shop');
  expect(id).toMatch(/^tok_[0-9A-Za-z]{27}$/);
  expect(secret).toMatch(/^mrp_[A-Za-z0-9_-]{43}$/);
  expect(await verifyToken(db.pool, secret)).toEqual({ tokenId: id, spaceId: main.id, spaceNo: main.no });
  expect(await verifyToken(db.pool, second.secret)).toMatchObject({ spaceNo: other.no });
  for (const wrong of [
    '',
    'mrp_',
    `${secret}x`,
    secret.slice(0, -1),
    `mrp_${'A'.repeat(43)}`,
    `${secret.slice(0, -1)}\0`,
  ]) {
    expect(await verifyToken(db.pool, wrong)).toBeNull();
  }
  const { rows } = await db.pool.query<{ line: string }>('SELECT t::text AS line FROM tokens t');
  expect(rows.map(({ line }) => line).join('\n')).not.toContain(secret.slice(4));
  expect(await listTokens(db.pool, main.id)).toEqual([
    {
      ...{ id, name: 'web shop', spaceId: main.id, spaceName: 'main', role: null },
      ...{ permissions: [], createdAt: expect.any(Date), usedAt: null, revokedAt: null },
    },
  ]);
  expect(await listTokens(db.pool)).toHaveLength(2);

  await revokeToken(db.pool, id);
  expect(await verifyToken(db.pool, secret)).toBeNull();
  const [revoked] = await listTokens(db.pool, main.id);
  await revokeToken(db.pool, id);
  expect(await listTokens(db.pool, main.id)).toEqual([revoked]);
  expect(revoked?.revokedAt).toBeInstanceOf(Date);
  expect(await verifyToken(db.pool, second.secret)).not.toBeNull();
});

test('tokens of nothing, without names, and unknown ones are refused', async () => {
  await using db = await testDatabase();
  const space = await createSpace(db.pool, 'main');
  await expect(createToken(db.pool, 'spa_none', 'x')).rejects.toMatchObject({ code: 'not_found' });
  for (const name of ['', '  ', 'x'.repeat(101), 'a\nb', 'a\0b']) {
    await expect(createToken(db.pool, space.id, name)).rejects.toMatchObject({ code: 'name_invalid' });
  }
  await expect(revokeToken(db.pool, 'tok_none')).rejects.toMatchObject({ code: 'not_found' });
});

test('looking a token up uses the index of hashes', async () => {
  await using db = await testDatabase();
  const { rows } = await db.transaction(async (tx) => {
    await tx.query('SET LOCAL enable_seqscan = off');
    return tx.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT t.id, s.no FROM tokens t JOIN spaces s ON s.id = t.space_id
       WHERE t.secret_hash = '\\x00' AND t.revoked_at IS NULL`,
    );
  });
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/tokens_secret_hash_key/);
});

test('a token of the workspace opens no space, and the other way round', async () => {
  await using db = await testDatabase();
  const space = await createSpace(db.pool, 'main');
  const ofSpace = await createToken(db.pool, space.id, 'web shop');
  const { id, secret } = await createWorkspaceToken(db.pool, 'terraform');
  expect(secret).toMatch(/^mrw_[A-Za-z0-9_-]{43}$/);
  expect(await verifyWorkspaceToken(db.pool, secret)).toEqual({
    tokenId: id,
    tokenName: 'terraform',
    role: 'owner',
    permissions: [],
  });
  expect(await verifyToken(db.pool, secret)).toBeNull();
  // Not by its form alone.
  expect(await verifyToken(db.pool, secret.replace('mrw', 'mrp'))).toBeNull();
  expect(await verifyWorkspaceToken(db.pool, ofSpace.secret)).toBeNull();
  expect(await verifyWorkspaceToken(db.pool, `mrw_${'A'.repeat(43)}`)).toBeNull();
  const ofWorkspace = { name: 'terraform', spaceId: null, spaceName: null, role: 'owner', revokedAt: null };
  expect(await listTokens(db.pool)).toMatchObject([
    { id, ...ofWorkspace },
    { id: ofSpace.id, role: null },
  ]);
  expect(await listTokens(db.pool, space.id)).toHaveLength(1);
  const { rows } = await db.pool.query<{ line: string }>('SELECT t::text AS line FROM tokens t');
  expect(rows.map(({ line }) => line).join()).not.toContain(secret.slice(4));
  await expect(createWorkspaceToken(db.pool, ' ')).rejects.toMatchObject({ code: 'name_invalid' });

  await revokeToken(db.pool, id);
  expect(await verifyWorkspaceToken(db.pool, secret)).toBeNull();
});
