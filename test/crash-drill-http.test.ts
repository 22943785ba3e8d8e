/**
 * D2 of `docs/sync.md`, over HTTP: a sync that is killed with SIGKILL at any moment and run again delivers every row, and
 * what it delivers again it delivers under the same message id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openWorld, peopleTable, type World } from '../src/sync/sync.test-support.ts';
import type { ResolvedMapping } from '../src/workspace/workspace.ts';
import { testDatabaseUrl } from './database.ts';
import { type Move, openFakeEndpoint } from './fake-endpoint.ts';

const child = fileURLToPath(new URL('./crash-drill-child.ts', import.meta.url));
const rows = 20_000;
const kills = 8;

test('killed again and again: every row arrives, under one message id', { timeout: 300_000 }, async () => {
  await using fake = await openFakeEndpoint();
  await using world = await openWorld();
  await world.sql(peopleTable(rows));
  const job = await world.job({ trackingUrl: fake.url });
  let killed = 0;
  for (let kill = 0; kill < kills; kill++) {
    const process = await start(world, job);
    const exit = once(process, 'exit');
    // Killed at the first or second request of this run: between its answer and its receipt, or while it waits.
    const lastMove: Move = kill % 2 === 0 ? { kind: 'accept slowly', ms: 2_000 } : { kind: 'accept' };
    fake.script.splice(0, fake.script.length, { kind: 'accept' }, lastMove);
    let requests = 0;
    const reached = new Promise<void>((resolve) => {
      fake.onRequest = () => {
        if (++requests === 1 + (kill % 3)) resolve();
      };
    });
    await Promise.race([exit, reached]);
    await new Promise((resolve) => setTimeout(resolve, kill * 3));
    process.kill('SIGKILL');
    const [, signal] = await exit;
    if (signal === 'SIGKILL') killed++;
  }
  expect(killed).toBe(kills);
  fake.script.length = 0;
  await runToItsEnd(world, job);

  const ids = new Map<unknown, Set<unknown>>();
  for (const { message } of fake.accepted) {
    ids.set(message.userId, (ids.get(message.userId) ?? new Set()).add(message.messageId));
  }
  expect(ids.size).toBe(rows);
  expect([...ids.values()].filter((own) => own.size !== 1)).toEqual([]);
  // The drill met what it is about: something was accepted, not recorded, and sent again.
  expect(fake.accepted.length).toBeGreaterThan(rows);
  expect(Object.keys((await world.records(job)) ?? {})).toHaveLength(rows);

  const before = fake.arrived.length;
  await runToItsEnd(world, job);
  expect(fake.arrived).toHaveLength(before);
});

async function start(world: World, job: ResolvedMapping): Promise<ChildProcess> {
  const file = path.join(path.dirname(String(job.source.settings.path)), 'task.json');
  await writeFile(file, JSON.stringify({ url: testDatabaseUrl(world.db), job }));
  return spawn('node', ['--import', 'tsx', child, file], { stdio: ['ignore', 'ignore', 'inherit'] });
}

async function runToItsEnd(world: World, job: ResolvedMapping): Promise<void> {
  const [code] = await once(await start(world, job), 'exit');
  expect(code).toBe(0);
}
