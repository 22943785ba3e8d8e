/**
 * `demo`: the main job from end to end on sample data, through the same code as everything else. It has a data folder of
 * its own inside the configured one, which it empties first, and it never touches a database that is configured.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startComputations } from '../../audience/audience.ts';
import type { Flags } from '../../base/config.ts';
import { MillraceError } from '../../base/errors.ts';
import { prepareFolder } from '../../db/data-folder.ts';
import { openDatabase } from '../../db/db.ts';
import { createSpaceReader, type SpaceReader } from '../../space/space.ts';
import { planSync, runSync, type Sync } from '../../sync/sync.ts';
import { createToken, findMapping, findSpace, makeFirstLink } from '../../workspace/workspace.ts';
import { applyCommand } from '../apply.ts';
import { type Command, flag, numberOption } from '../command.ts';
import { type CliContext, openContext } from '../context.ts';
import { aborted } from '../interrupts.ts';
import { linkAddress } from '../person.ts';
import { showProgress } from '../progress.ts';
import { api } from '../start.ts';
import { keepSyncing } from '../start-syncs.ts';
import * as words from './demo-words.ts';
import { demoWorkspace } from './demo-workspace.ts';
import {
  changedCustomers,
  changeSampleWarehouse,
  deletedCustomers,
  fewestCustomers,
  makeSampleWarehouse,
  shownCustomer,
} from './sample-warehouse.ts';

/** One step that moved rows, or would have. */
export interface DemoStep {
  readonly name: string;
  readonly extracted: number;
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly invalid: number;
  readonly delivered: number;
  readonly refused: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
}

const people = 'customers-identify';
const companies = 'companies-group';

export const demoCommand: Command = {
  name: 'demo',
  description: 'Show the main job on sample data: rows of a warehouse become profiles, and changes follow.',
  arguments: [],
  options: [
    { flags: '--once', description: 'end after the last step instead of serving until Ctrl-C' },
    { flags: '--rows <N>', description: 'how many customers the sample warehouse has', defaultText: '10,000' },
  ],
  examples: ['millrace demo', 'millrace demo --once --rows 100000 --json'],
  cancellable: true,
  async run(outer, input) {
    const rows = numberOption(input, 'rows', fewestCustomers, 10_000_000) ?? 10_000;
    const folder = path.resolve(outer.config.dataFolder, 'demo');
    await prepareFolder(folder);
    const warehouses = path.join(folder, 'warehouse');
    await mkdir(warehouses, { recursive: true });
    await using context = await openDemo(outer, folder, warehouses);
    return await show(context, folder, warehouses, rows, !flag(input, 'once'));
  },
};

/**
 * The context of the demo: its own data folder, an empty database, nothing of the environment's. Sources that are made in the
 * web app may read the files of the sample warehouse, and nothing else of that folder, which holds the database and its key.
 */
async function openDemo(outer: CliContext, folder: string, warehouses: string) {
  const { DATABASE_URL: _, ...env } = outer.env;
  const { port } = outer.flags;
  // Colons part folders there.
  const sourceFolders = warehouses.includes(':') ? '' : warehouses;
  const flags: Flags = { dataFolder: folder, sourceFolders, ...(port !== undefined && { port }) };
  const { output, signal, interrupt, interruptMeaning: meaning } = outer;
  output.say(words.starting(folder, outer.env.DATABASE_URL !== undefined));
  const db = await openDatabase({ dataFolder: folder, log: outer.log });
  try {
    await db.pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  } finally {
    await db.close();
  }
  const interrupts = { signal, interrupt, meaning, [Symbol.dispose]: () => undefined };
  return openContext({ env, flags, output, interrupts, keepsLog: false });
}

async function show(context: CliContext, folder: string, warehouses: string, rows: number, serves: boolean) {
  const { output, signal } = context;
  const steps: DemoStep[] = [];
  const warehouse = path.join(warehouses, 'shop.duckdb');
  const file = path.join(folder, 'shop.yaml');
  signal.throwIfAborted();
  output.say(words.sampleMade(await makeSampleWarehouse(warehouse, rows), warehouse));
  signal.throwIfAborted();
  await writeFile(file, demoWorkspace(warehouse));
  const quiet = { ...context, config: context.config, log: context.log, output: { ...output, say: () => undefined } };
  await applyCommand.run(quiet, { arguments: { FILE: file }, rest: [], options: { yes: true } });
  output.say(words.applied(file));

  const plan = await planStep(context);
  steps.push(plan.step);
  output.say(words.planned(plan.step, plan.effects));
  for (const [name, mapping] of [
    ['first-sync-customers', people],
    ['first-sync-companies', companies],
  ] as const) {
    const { step, sync } = await syncStep(context, name, mapping);
    steps.push(step);
    output.say(words.firstSync(step, sync));
  }

  await using server = await serveDemo(context);
  const profile = await readOverHttp(server);
  output.say(words.profileRead(server, profile));

  const second = await syncStep(context, 'second-sync-customers', people);
  const secondCompanies = await syncStep(context, 'second-sync-companies', companies);
  steps.push(second.step, secondCompanies.step);
  output.say(words.nothingToDo(second.step, secondCompanies.step));

  await changeSampleWarehouse(warehouse);
  const third = await syncStep(context, 'changed-sync-customers', people);
  steps.push(third.step);
  output.say(words.changed(third.step, changedCustomers, deletedCustomers));

  const counts = await countProfiles(context, server.reader);
  output.say(words.summary(counts, folder));
  const document = { steps, ...counts, profile, url: server.url };
  if (serves) {
    const db = await context.database();
    // Syncs that are started in the web app run, as in a server.
    await using _syncs = await keepSyncing(context, db);
    await using _computations = startComputations({ db, log: context.log, clock: context.clock });
    const first = await makeFirstLink(db, context.clock.now());
    output.say(words.serving(server, first && linkAddress(context.config, first.secret, server.url)));
    await aborted(signal);
  }
  return { document, text: '' };
}

async function planStep(context: CliContext) {
  const job = await findMapping(await context.store(), people);
  using progress = showProgress(context.output, `Planning ${people}`);
  const plan = await planSync(await context.sync(), job, { onProgress: progress.update, signal: context.signal });
  return { step: stepOf('plan-customers', plan.counts, plan.seconds), effects: plan.effects };
}

async function syncStep(context: CliContext, name: string, mapping: string): Promise<{ step: DemoStep; sync: Sync }> {
  const started = performance.now();
  const job = await findMapping(await context.store(), mapping);
  using progress = showProgress(context.output, `Syncing ${mapping}`);
  const sync = await runSync(await context.sync(), job, { onProgress: progress.update, signal: context.signal });
  if (sync.state !== 'succeeded') {
    throw new MillraceError(sync.code ?? 'internal', `The sync of ${mapping} ended as ${sync.state}: ${sync.reason}`);
  }
  return { step: stepOf(name, sync.counts, (performance.now() - started) / 1000), sync };
}

function stepOf(name: string, counts: Sync['counts'], seconds: number): DemoStep {
  const { extracted, added, updated, deleted, unchanged, invalid, delivered, refused } = counts;
  const rowsPerSecond = Math.round(extracted / Math.max(seconds, 0.001));
  const rounded = Math.round(seconds * 1000) / 1000;
  return {
    name,
    extracted,
    added,
    updated,
    deleted,
    unchanged,
    invalid,
    delivered,
    refused,
    seconds: rounded,
    rowsPerSecond,
  };
}

export interface DemoServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** The route of the profile that is shown. */
  readonly profileUrl: string;
  readonly reader: SpaceReader;
}

async function serveDemo(context: CliContext): Promise<DemoServer> {
  const { serve } = await import('../../api/server.ts');
  const { host, port } = context.config;
  const db = await context.database();
  const space = await findSpace(db.pool, 'demo');
  const { secret } = await createToken(db.pool, space.id, 'demo');
  const listen = async (wanted: number) => serve(await api(context), { host, port: wanted });
  const serving = await listen(port).catch((error) => {
    if (error instanceof MillraceError && error.code === 'port_taken') return listen(0);
    throw error;
  });
  return {
    url: serving.url,
    token: secret,
    profileUrl: `${serving.url}/v1/spaces/demo/collections/users/profiles/user_id:${shownCustomer}`,
    reader: createSpaceReader({ db }),
    [Symbol.asyncDispose]: () => serving.close(),
  };
}

/** The answers of the Profile API, as any client gets them. */
async function readOverHttp({ profileUrl, token }: DemoServer) {
  const authorization = `Basic ${Buffer.from(`${token}:`).toString('base64')}`;
  const get = async (route: string) => {
    const response = await fetch(`${profileUrl}/${route}`, { headers: { authorization } });
    if (!response.ok) throw new MillraceError('internal', `The Profile API answered ${response.status} to ${route}.`);
    return response.json();
  };
  const { traits } = (await get('traits?limit=200')) as { traits: Record<string, unknown> };
  const { data: externalIds } = (await get('external_ids?limit=25')) as { data: { type: string; id: string }[] };
  const { data: links } = (await get('links')) as { data: { external_ids: { type: string; id: string }[] }[] };
  const { segment_id } = (await get('metadata')) as { segment_id: string };
  return { segment_id, traits, external_ids: externalIds, links };
}

export type ShownProfile = Awaited<ReturnType<typeof readOverHttp>>;

async function countProfiles(context: CliContext, reader: SpaceReader) {
  const { no } = await findSpace((await context.database()).pool, 'demo');
  return { profiles: await reader.count(no, 'users'), accounts: await reader.count(no, 'accounts') };
}
