// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the workspace file look like that
import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { isMillraceError } from '../base/errors.ts';
import { excludeSyncs } from '../sync/sync.ts';
import { checks } from './checks.test-support.ts';
import {
  findAlert,
  listAlerts,
  openSecrets,
  parseWorkspaceFile,
  planApply,
  readAudit,
  readWorkspace,
  runApply,
  type Secrets,
} from './workspace.ts';

const hook = 'https://hooks.example.com/canary-url';
const env = { HOOK: hook, HOOK_SECRET: 'canary-secret', SLACK: 'https://hooks.example.com/canary-slack' };
let secrets: Secrets;
beforeAll(async () => {
  secrets = await openSecrets({ key: Buffer.alloc(32, 7).toString('base64'), dataFolder: '/nowhere' });
});

const base = `
spaces: { main: {} }
sources:
  shop: { engine: duckdb, path: ./shop.duckdb }
models:
  customers: { source: shop, identifier: id, query: select 1 as id }
destinations:
  profiles: { source: shop }
mappings:
  identify:
    destination: profiles
    model: customers
    action: sendIdentify
    fields: { engage_space: main, user_id: { '@path': $.properties.id } }
`;
const alerts = `
alerts:
  nightly:
    title: The night
    on: [sync_failed, delivery_rate]
    mappings: [identify]
    threshold_percent: 97.5
    channels:
      - webhook: { url: \${HOOK}, secret: \${HOOK_SECRET} }
      - email: { to: [ops@example.com] }
      - slack: { url: \${SLACK} }
  every: { on: [schedule_missed], mappings: all }
`;

const read = (text: string) => parseWorkspaceFile(text, { fileName: 'shop.yaml', env, baseFolder: '/base', checks });

async function faultsOf(text: string): Promise<readonly string[]> {
  const error = await read(base + text).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isMillraceError(error, 'workspace_invalid')) throw error;
  return error.faults.map(({ message }) => message);
}

test('are stored with their secrets sealed, compared, changed and removed', async () => {
  await using db = await testDatabase();
  const store = { db: db.pool, secrets };
  const options = { spaceHasProfiles: async () => false, excludeSyncs };
  const planOf = async (text: string) => planApply(store, await read(text), options);
  const first = await planOf(base + alerts);
  await runApply({ db, secrets }, first);
  expect(await findAlert(store, 'nightly')).toMatchObject({
    title: 'The night',
    on: ['sync_failed', 'delivery_rate'],
    mappingIds: [expect.stringMatching(/^mpg_/)],
    thresholdPercent: 97.5,
    channels: [
      { webhook: { url: hook, secret: 'canary-secret' } },
      { email: { to: ['ops@example.com'] } },
      { slack: { url: env.SLACK } },
    ],
    enabled: true,
  });
  expect(await findAlert(store, 'every')).toMatchObject({ mappingIds: null, thresholdPercent: null, channels: [] });
  expect((await readWorkspace(store)).alerts).toEqual(await listAlerts(store));
  const stored = await db.pool.query('SELECT * FROM alerts');
  expect(JSON.stringify(stored.rows)).not.toContain('canary');
  expect((await planOf(base + alerts)).changesNothing).toBe(true);

  const changed = alerts.replace('97.5', '90').replace('{HOOK}', '{SLACK}');
  const second = await planOf(base + changed);
  const entry = second.entries.find(({ name }) => name === 'nightly');
  expect(entry).toMatchObject({
    action: 'change',
    kind: 'alert',
    changes: [
      { path: 'channels[0].webhook.url', from: '(set)', to: '(set)' },
      { path: 'threshold_percent', from: 97.5, to: 90 },
    ],
  });
  await runApply({ db, secrets }, second);
  expect(await findAlert(store, 'nightly')).toMatchObject({ thresholdPercent: 90 });
  const { events } = await readAudit(db.pool, { resourceType: 'alert' }, { offset: 0, count: 10 });
  expect(events.map(({ type }) => type).sort()).toEqual(['Alert Created', 'Alert Created', 'Alert Modified']);

  const third = await planOf(base);
  await runApply({ db, secrets }, third);
  expect(await listAlerts(store)).toEqual([]);
  await expect(findAlert(store, 'nightly')).rejects.toMatchObject({ code: 'not_found' });
});

test.each([
  ['x: { on: [] }', 'must not be empty'],
  ['x: { on: [sync_faild] }', 'probably sync_failed'],
  ['x: { on: [sync_failed, sync_failed] }', 'twice'],
  ['x: { on: [delivery_rate] }', 'needs a threshold_percent'],
  ['x: { on: [sync_failed], threshold_percent: 5 }', 'only when "on" has delivery_rate'],
  ['x: { on: [delivery_rate], threshold_percent: 101 }', 'at most 100'],
  ['x: { on: [sync_failed], mappings: [identfy] }', 'there is no mapping "identfy"'],
  ['x: { on: [sync_failed], mappings: [identify, identify] }', 'twice'],
  ['x: { on: [sync_failed], channels: [{}] }', 'one of webhook, email and slack'],
  ['x: { on: [sync_failed], channels: [{ email: { to: [a@b] }, slack: { url: "${SLACK}" } }] }', 'one of webhook'],
  ['x: { on: [sync_failed], channels: [{ email: { to: ["a@b, c@d"] } }] }', 'one e-mail address'],
  ['x: { on: [sync_failed], channels: [{ webhook: { url: https://h/x } }] }', 'a secret is written out'],
  ['x: { on: [sync_failed], channels: [{ webhook: { url: "${HOOK_SECRET}" } }] }', 'begins with https://'],
  ['x: { on: [sync_failed], channels: [{ webhok: { url: 1 } }] }', 'there is no such key'],
])('a fault: %s', async (text, message) => {
  const faults = await faultsOf(`alerts:\n  ${text}\n`);
  expect(faults).toEqual(expect.arrayContaining([expect.stringContaining(message)]));
  expect(faults.join()).not.toContain('canary');
});
