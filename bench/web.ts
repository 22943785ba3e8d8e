/**
 * The web app in a real Chromium, served by the real program over a space that a sync has filled: how long the first page
 * takes, how long the page of a profile takes from the click to its traits, and how a list of 100,000 failed rows scrolls.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import type { Database } from '../src/db/db.ts';
import type { Space } from '../src/workspace/workspace.ts';
import { openPage } from '../test/chromium.ts';
import type { BenchResult } from './bench.ts';
import { median } from './profile-api.ts';
import { startProgram } from './program.ts';

/** What the pages may take, in milliseconds, and the initial JavaScript, in kilobytes. */
const limits = { firstPaint: 1_500, profilePage: 150, initialKB: 350 };
const rounds = 9;
const failedRows = 100_000;

export async function webBench(
  db: Database,
  folder: string,
  space: Space,
  rows: number,
  say: (sentence: string) => void,
): Promise<readonly BenchResult[]> {
  const sync = await addFailedSync(db);
  await using server = await startProgram(folder);
  await using browser = await openPage();
  const { page } = browser;
  page.setDefaultTimeout(60_000);
  await signUp(page, server.firstLink);
  const bytes = await initialBytes(page, server.url);
  say(`initial JavaScript: ${Math.round(bytes / 1_000)} KB compressed, of ${limits.initialKB}`);

  const paints: number[] = [];
  for (let round = 0; round < rounds; round += 1) paints.push(await firstPaint(page, server.url));
  say(`first page, its words to be read: ${paints.map(Math.round).join(' ')} ms`);

  const opened: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    opened.push(await openProfile(page, server.url, space.id, `c-${(round * 7919) % rows}`));
  }
  say(`a profile, from the click to its traits: ${opened.map(Math.round).join(' ')} ms`);

  const frames = await scrollFailedRows(page, `${server.url}${sync}`);
  say(`a list of ${failedRows} rows: ${frames.fps.toFixed(0)} frames/s while it scrolls, ${frames.drawn} rows drawn`);
  return [
    resultOf('web-first-page', rows, median(paints), limits.firstPaint),
    resultOf('web-profile-page', rows, median(opened), limits.profilePage),
    {
      name: 'web-failed-rows',
      ...{ rows: failedRows, seconds: frames.seconds, rate: frames.fps, limitRate: 60, ratio: frames.fps / 60 },
      peakMemoryMB: 0,
    },
  ];
}

/** The rate is pages per second, the limit that of the time a page may take. */
function resultOf(name: string, rows: number, ms: number, limitMs: number): BenchResult {
  const [rate, limitRate] = [1_000 / ms, 1_000 / limitMs];
  return { name, rows, seconds: ms / 1_000, rate, limitRate, ratio: rate / limitRate, peakMemoryMB: 0, p50Ms: ms };
}

async function signUp(page: Page, link: string | null): Promise<void> {
  if (link === null) throw new Error('There is somebody already.');
  await page.goto(link);
  await page.getByLabel('Name').fill('Bench');
  await page.getByLabel('E-mail').fill('bench@example.com');
  await page.locator('input[name=password]').fill('a password for measuring');
  await page.getByRole('button', { name: 'Create my account' }).click();
  await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor();
}

/** Of the scripts that the first page asks for before it shows anything, compressed. */
async function initialBytes(page: Page, url: string): Promise<number> {
  const html = await (await page.request.get(url)).text();
  const named = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map(([, file]) => file as string);
  const web = fileURLToPath(new URL('../../dist/web', import.meta.url));
  const files = new Set(await readdir(path.join(web, 'assets')));
  let bytes = 0;
  for (const file of named) {
    if (!files.has(path.basename(file))) throw new Error(`There is no ${file} in the built app.`);
    bytes += gzipSync(await readFile(path.join(web, file))).length;
  }
  return bytes;
}

/** Without anything in the cache: from the address to words about the workspace. */
async function firstPaint(page: Page, url: string): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.clearBrowserCache');
  await page.goto('about:blank');
  const began = performance.now();
  await page.goto(url, { waitUntil: 'commit' });
  await page.getByRole('heading', { name: 'Latest syncs' }).waitFor();
  const ms = performance.now() - began;
  await session.detach();
  return ms;
}

async function openProfile(page: Page, url: string, spaceId: string, userId: string): Promise<number> {
  await page.goto(`${url}/profiles?space=${spaceId}&find=user_id:${userId}`);
  const link = page.locator('tbody a').first();
  await link.waitFor();
  // As a person does, who first points at it.
  const began = performance.now();
  await link.click();
  await page.getByText('lifetime_value', { exact: true }).waitFor();
  return performance.now() - began;
}

interface Frames {
  readonly fps: number;
  readonly seconds: number;
  /** Rows in the document at the end. */
  readonly drawn: number;
}

/** Scrolls through all that is loaded, and loads more on the way, for some seconds. */
async function scrollFailedRows(page: Page, url: string): Promise<Frames> {
  await page.goto(url);
  const list = page.getByRole('region', { name: 'Refused rows' });
  await list.waitFor();
  return list.evaluate((element) => {
    // What only a document has.
    const box = element as unknown as { scrollTop: number; querySelectorAll(of: string): { readonly length: number } };
    const { requestAnimationFrame: onFrame } = globalThis as unknown as {
      requestAnimationFrame(step: () => void): void;
    };
    return new Promise<Frames>((resolve) => {
      const began = performance.now();
      let count = 0;
      const step = () => {
        count += 1;
        box.scrollTop += 400;
        const seconds = (performance.now() - began) / 1_000;
        if (seconds < 8) onFrame(step);
        else resolve({ fps: count / seconds, seconds, drawn: box.querySelectorAll('tbody tr').length });
      };
      onFrame(step);
    });
  });
}

/** A sync of which every row was refused, as the tables have it. Returns the address of its page. */
async function addFailedSync(db: Database): Promise<string> {
  const id = 'syn_bench000000000000000000000';
  const { rows } = await db.pool.query<{ id: string; destination_id: string }>(
    'SELECT id, destination_id FROM mappings LIMIT 1',
  );
  const [mapping] = rows;
  if (mapping === undefined) throw new Error('There is no mapping.');
  await db.pool.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, model_id, source_id, destination, state, started_at, loading_at, finished_at,
       extracted, added, refused)
     SELECT $1, mapping_id, mapping, model, model_id, source_id, destination, 'failed', started_at - interval '1 hour',
            loading_at - interval '1 hour', finished_at - interval '1 hour', $2, $2, $2
     FROM syncs ORDER BY started_at LIMIT 1`,
    [id, failedRows],
  );
  await db.pool.query(
    `INSERT INTO sync_rows (sync_id, no, kind, record_id, rows, code, reason, message)
     SELECT $1, n, 'refused', 'c-' || n, 1, 'user_id_missing', 'The message has no user id and no anonymous id.',
            json_build_object('type', 'identify', 'traits', json_build_object('email', 'user' || n || '@example.com'))::text
     FROM generate_series(1, $2) n`,
    [id, failedRows],
  );
  return `/destinations/${mapping.destination_id}/mappings/${mapping.id}/syncs/${id}`;
}
