import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isJsonObject, type Json } from '../base/json.ts';
import { holdsCredentials, maskSettings, replaceAt, secretsOf, withoutSecrets } from './secret-settings.ts';
import { openSecrets } from './workspace.ts';

const keyA = Buffer.alloc(32, 1).toString('base64');
const keyB = Buffer.alloc(32, 2).toString('hex');
const box = (key: string) => openSecrets({ key, dataFolder: '/nowhere' });

test('what is sealed can be opened, by the same key and for the same owner only', async () => {
  const [a, b] = [await box(keyA), await box(keyB)];
  const sealed = a.seal('src_1', 'höchst geheim');
  expect(sealed).not.toContain('geheim');
  expect(a.seal('src_1', 'höchst geheim')).not.toBe(sealed);
  expect(a.open('src_1', sealed)).toBe('höchst geheim');
  expect(() => a.open('src_2', sealed)).toThrow(expect.objectContaining({ code: 'secret_damaged' }));
  expect(() => b.open('src_1', sealed)).toThrow(expect.objectContaining({ code: 'secret_key_wrong' }));
  const parts = sealed.split(':');
  const flipped = [...parts.slice(0, 4), Buffer.from('other text').toString('base64')].join(':');
  expect(() => a.open('src_1', flipped)).toThrow(expect.objectContaining({ code: 'secret_damaged' }));
  const shortTag = [...parts.slice(0, 3), parts[3]?.slice(0, 8), parts[4]].join(':');
  expect(() => a.open('src_1', shortTag)).toThrow(expect.objectContaining({ code: 'secret_damaged' }));
});

test('a key is 32 bytes', async () => {
  await expect(box('c2hvcnQ=')).rejects.toMatchObject({ code: 'secret_key_invalid' });
  await expect(box('')).rejects.toMatchObject({ code: 'secret_key_invalid' });
});

test('the key file is made once, for its owner only, however many start at once', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'secrets-'));
  try {
    const dataFolder = path.join(folder, 'data');
    const boxes = await Promise.all(Array.from({ length: 20 }, () => openSecrets({ dataFolder })));
    expect(new Set(boxes.map(({ keyId }) => keyId)).size).toBe(1);
    const file = path.join(dataFolder, 'secret.key');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const sealed = boxes[0]?.seal('x', 'y') ?? '';
    expect((await openSecrets({ dataFolder })).open('x', sealed)).toBe('y');
    expect((await openSecrets({ key: await readFile(file, 'utf8'), dataFolder: '/nowhere' })).open('x', sealed)).toBe(
      'y',
    );
    await rm(file);
    expect(() => boxes[1]?.open('x', sealed)).not.toThrow();
    const other = await openSecrets({ dataFolder });
    expect(() => other.open('x', sealed)).toThrow(/another key/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('settings are told apart by name and by content', () => {
  const settings = {
    host: 'h',
    user: 'u',
    password: 'p',
    url: 'postgres://u:p@h/d',
    plain_url: 'postgres://u@h:5432/d',
    segment_papi_token: 't',
    ssl: { mode: 'require', key: 'pem', cert: 'pem' },
    files: { key: 'a.csv', customers: ['s3://b/x?X-Amz-Signature=abc', './b.csv'] },
    secret: { a: 1 },
    empty_password: '',
    token: null,
  };
  expect(maskSettings(settings)).toEqual({
    ...settings,
    password: '(set)',
    url: '(set)',
    segment_papi_token: '(set)',
    ssl: { mode: 'require', key: '(set)', cert: 'pem' },
    files: { key: 'a.csv', customers: ['(set)', './b.csv'] },
    secret: '(set)',
  });
  expect(holdsCredentials('https://user:pass@host/')).toBe(true);
  expect(holdsCredentials('https://host/a:b@c')).toBe(false);
  expect(holdsCredentials('host=h sslmode=prefer')).toBe(false);
  expect(holdsCredentials('host=h password=x')).toBe(true);
});

test('whatever the settings, taking the secrets out and putting them back gives the same', () => {
  const name = fc.constantFrom('a', 'password', 'url', 'ssl', 'key', 'token', 'files');
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<Json>('', 'x', 'pg://u:p@h', 'a password=b', 7, null, true),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      fc.pre(isJsonObject(value));
      const settings = value as { [key: string]: Json };
      const kept = withoutSecrets(settings);
      expect(replaceAt(kept, secretsOf(settings))).toEqual(settings);
      expect(secretsOf(kept)).toEqual([]);
      expect(JSON.stringify(kept)).not.toMatch(/u:p@h|password=b/);
    }),
    { numRuns: 200 },
  );
});
