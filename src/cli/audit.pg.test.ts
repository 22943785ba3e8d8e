/** Every command that changes something: one event in the audit trail for each success, by the command line. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../test/database.ts';
import { takeLease } from '../sync/sync.ts';
import { readAudit } from '../workspace/workspace.ts';
import { inDuckdb, programIn } from './cli.test-support.ts';
import { commands } from './commands.ts';

const workspace = `
spaces: { main: {} }
sources: { shop: { engine: duckdb, path: ./shop.duckdb } }
models: { customers: { source: shop, identifier: id, query: SELECT id FROM customers } }
destinations: { profiles: { source: shop } }
mappings:
  people:
    destination: profiles
    model: customers
    action: sendIdentify
    records: [new, updated]
    fields: { engage_space: main, user_id: { '@path': $.__segment_id } }
alerts: { nightly: { on: [sync_failed] } }
`;

/** They only look; or (the demo, a server) do what the others do; or (marking notices as read) change nothing but a list. */
const looking = [
  ...['demo', 'start', 'doctor', 'audit', 'usage', 'model preview', 'destination test', 'destination spaces'],
  ...['mapping suggest', 'sync plan', 'sync list', 'sync show', 'schedule list', 'profile show', 'space log'],
  ...['space tail', 'event-stream list', 'event-stream show', 'event-stream log', 'oauth-app list', 'oauth-app show'],
  ...['alert list', 'alert log', 'token list', 'person list', 'regulation list', 'regulation show', 'suppression list'],
];

/** What of the documents is looked at. */
interface Made {
  readonly sync: { readonly id: string };
  readonly keyId: string;
  readonly id: string;
}

interface Step {
  readonly words: readonly string[];
  /** One of them; `apply` makes many. */
  readonly type: string;
  /** Of the document, under this name in the words after it: `{app}`. */
  readonly keep?: readonly [name: string, find: (document: Made) => string];
}

const steps: readonly Step[] = [
  { words: ['apply', 'shop.yaml', '--yes'], type: 'Destination Subscription Created' },
  { words: ['mapping test', 'people', '--send'], type: 'Test Record Sent' },
  {
    words: ['sync run', 'people'],
    type: 'Sync Started',
    keep: ['sync', ({ sync }) => sync.id],
  },
  { words: ['sync run', 'people', '--replay', '{sync}'], type: 'Sync Replayed' },
  { words: ['sync run', 'people', '--retry-failed', '{sync}'], type: 'Sync Retried' },
  { words: ['mapping reset', 'people'], type: 'Destination Subscription Reset' },
  { words: ['event-stream create', 'web', '--space', 'main'], type: 'Source Created' },
  { words: ['event-stream disable', 'web'], type: 'Source Disabled' },
  { words: ['event-stream enable', 'web'], type: 'Source Enabled' },
  { words: ['event-stream remove', 'web', '--yes'], type: 'Source Deleted' },
  { words: ['oauth-app create', 'billing'], type: 'OAuth App Created' },
  {
    words: ['oauth-app add-key', 'billing', 'key.pem'],
    type: 'OAuth Key Created',
    keep: ['key', ({ keyId }) => keyId],
  },
  { words: ['oauth-app remove-key', 'billing', '{key}'], type: 'OAuth Key Deleted' },
  { words: ['oauth-app remove', 'billing', '--yes'], type: 'OAuth App Deleted' },
  { words: ['alert test', 'nightly'], type: 'Alert Tested' },
  { words: ['token create', 'x', '--workspace'], type: 'Access Token Created', keep: ['token', ({ id }) => id] },
  { words: ['token revoke', '{token}'], type: 'Access Token Revoked' },
  { words: ['person invite', 'bo@example.org'], type: 'User Invited' },
  { words: ['person reset-password', 'bo@example.org'], type: 'User Password Reset' },
  { words: ['person roles', 'bo@example.org', '--role', 'source-admin'], type: 'User Permissions Modified' },
  { words: ['person remove', 'bo@example.org', '--yes'], type: 'User Removed' },
  { words: ['regulation create', 'SUPPRESS_ONLY', 'canary-1'], type: 'Workspace Regulation Created' },
];

/** Needs a sync that runs meanwhile. */
const cancelling = 'sync cancel';

test('every command is among the steps, or only looks', () => {
  const names = [...new Set(steps.map(({ words: [name] }) => name as string)), cancelling, ...looking];
  expect(names.sort()).toEqual(commands.map(({ name }) => name).sort());
});

test('each success leaves one event, of the right type, by the command line', async () => {
  await using db = await testDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-audit-'));
  try {
    const start = programIn(folder, { DATABASE_URL: testDatabaseUrl(db), MILLRACE_DATA_FOLDER: folder });
    await writeFile(path.join(folder, 'shop.yaml'), workspace);
    await inDuckdb(path.join(folder, 'shop.duckdb'), `CREATE TABLE customers AS SELECT 'canary-row' AS id`);
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(path.join(folder, 'key.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    const events = async () => (await readAudit(db.pool, {}, { offset: 0, count: 1_000 })).events;
    const perform = async (words: readonly string[], type: string) => {
      const before = await events();
      const [name = '', ...more] = words;
      const { code, stdout, stderr } = await start([...name.split(' '), ...more, '--json']).ended;
      expect([words, code, stdout + stderr]).toEqual([words, 0, expect.any(String)]);
      const after = await events();
      const added = after.slice(0, after.length - before.length);
      if (name === 'apply') expect(added.map((event) => event.type)).toContain(type);
      else expect([words, added.map((event) => event.type)]).toEqual([words, [type]]);
      expect(new Set(added.map(({ actor }) => actor))).toEqual(new Set(['cli']));
      return JSON.parse(stdout);
    };
    const kept: Record<string, string> = {};
    for (const { words, type, keep } of steps) {
      const filled = words.map((word) => word.replace(/\{(\w+)\}/g, (_, name: string) => kept[name] as string));
      if (words.includes('--retry-failed')) {
        // As it stands after a sync that could not deliver a row.
        await db.pool.query(
          `INSERT INTO sync_rows (sync_id, no, kind, record_id, rows, code, reason)
            VALUES ($1, 0, 'refused', 'canary-row', 1, 'invalid', 'It was refused.')`,
          [kept.sync],
        );
      }
      const document = await perform(filled, type);
      if (keep !== undefined) kept[keep[0]] = keep[1](document);
    }
    // As of a process that runs it.
    await db.pool.query(`UPDATE syncs SET state = 'loading', finished_at = NULL WHERE id = $1`, [kept.sync]);
    const mapping = (await db.pool.query('SELECT mapping_id FROM syncs WHERE id = $1', [kept.sync])).rows[0].mapping_id;
    const lease = await takeLease(db, mapping);
    await perform([cancelling, kept.sync as string], 'Sync Cancelled');
    await lease?.release();
    expect(JSON.stringify(await events())).not.toContain('canary');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);
