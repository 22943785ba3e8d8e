/** The commands of `docs/profile-api.md`, run as they stand there, and what the page says they answer. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { defaultSpaceSettings } from '../../space/space.ts';
import { openTracking } from '../tracking/tracking.test-support.ts';

const page = readFileSync(new URL('../../../docs/profile-api.md', import.meta.url), 'utf8');
/** Each command, with the answer when the page shows one. */
const commands = [...page.matchAll(/```\n([^`]*?curl [\s\S]*?)```\n(?:```json\n([\s\S]*?)```)?/g)].map((match) => ({
  command: (match[1] as string).slice((match[1] as string).indexOf('curl ')),
  answer: match[2] === undefined ? null : (JSON.parse(match[2]) as unknown),
}));

/** Members whose values differ from day to day. */
const varying = new Set(
  [
    'source_id',
    'created_at',
    'updated_at',
    'last_seen_at',
    'timestamp',
    'message_id',
    'first_message_id',
    'segment_id',
  ].concat(['first_source_id', 'last_message_id', 'last_source_id', 'url', 'next', 'users', 'accounts']),
);

function steady(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, part) => (varying.has(key) && part !== '' ? '…' : part));
}

test('every command of the page answers what the page says', async () => {
  expect(commands.length).toBe(page.match(/^curl /gm)?.length);
  expect(commands.filter(({ answer }) => answer !== null).length).toBeGreaterThan(7);
  const settings = { ...defaultSpaceSettings(), identifierDeletion: true, subscriptionGroups: ['weekly digest'] };
  await using server = await openTracking({ settings });
  const context = { ip: '203.0.113.9', library: { name: 'acme-importer', version: '0.4.2' } };
  const external = (type: string, id: string) => ({ id, type, collection: 'users', encoding: 'none' });
  const batch = [
    { type: 'identify', userId: 'somebody-else', traits: {} },
    {
      type: 'identify',
      userId: 'c-501',
      traits: { city: 'Lyon', 'Plan Tier': 'gold', vip_buyers: true, lifetime_orders: 12 },
      context: {
        externalIds: [external('email', 'ana@example.org'), external('phone', '+33155501234')],
        messaging_subscriptions: [
          {
            key: 'ana@example.org',
            type: 'EMAIL',
            status: 'SUBSCRIBED',
            groups: [{ name: 'weekly digest', status: 'UNSUBSCRIBED' }],
          },
        ],
      },
    },
    { type: 'track', userId: 'c-501', event: 'Trial Started', properties: { seats: 4 }, context },
    { type: 'group', userId: 'c-501', groupId: 'org-88', traits: {} },
  ];
  expect((await server.post('/v1/batch', { batch })).status).toBe(200);
  const env = {
    ...process.env,
    TOKEN: server.token,
    SPACE: server.space.id,
    P: `${server.url}/v1/spaces/${server.space.id}/collections`,
  };
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  for (const { command, answer } of commands) {
    const here = command
      .replaceAll('http://127.0.0.1:8765', server.url)
      .replace(/start=\d{4}-\d\d-\d\d/, `start=${yesterday}`);
    if (here.includes('/delete')) {
      const old = { userId: 'c-501', context: { externalIds: [external('email', 'old@example.net')] } };
      expect((await server.post('/v1/identify', old)).status).toBe(200);
    }
    const { stdout } = await promisify(execFile)('sh', ['-c', here], { env });
    const given = JSON.parse(stdout) as { error?: unknown; data?: unknown[] };
    expect(given.error).toBeUndefined();
    if (answer === null) continue;
    expect(steady(given), command).toEqual(steady(answer));
  }
});
