// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the workspace file look like that
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import type { Database } from '../db/db.ts';
import { takeLease } from '../sync/lease.ts';
import { excludeSyncs } from '../sync/sync.ts';
import { checks } from './checks.test-support.ts';
import {
  bumpEpoch,
  createEventStream,
  createSpace,
  createToken,
  findMapping,
  findModel,
  findSource,
  listEventStreams,
  listSpaces,
  openSecrets,
  parseWorkspaceFile,
  planApply,
  readWorkspace,
  runApply,
  type Secrets,
} from './workspace.ts';

const canary = 'canary-7f3a';
const env = {
  CRM_PASSWORD: `${canary}-password`,
  CRM_URL: `postgres://u:${canary}-url@h/db`,
  PAPI: `${canary}-papi`,
  KEY: `${canary}-key`,
};
let secrets: Secrets;
beforeAll(async () => {
  secrets = await openSecrets({ key: Buffer.alloc(32, 7).toString('base64'), dataFolder: '/nowhere' });
});

const full = `
spaces:
  main: {}
  second: { auto_register: false }
sources:
  shop: { engine: duckdb, path: ./shop.duckdb }
  crm: { engine: postgres, host: h, port: 5432, password: \${CRM_PASSWORD}, ssl: { key: \${CRM_PASSWORD} } }
  other: { engine: postgres, url: \${CRM_URL} }
models:
  customers: { source: shop, identifier: id, query: select 1 as id }
  orders: { source: shop, identifier: order_id, query: select 1 as order_id }
destinations:
  profiles: { source: shop, settings: { segment_papi_token: \${PAPI} } }
  archive: { source: shop }
mappings:
  customers-identify:
    destination: profiles
    model: customers
    action: sendIdentify
    fields: { engage_space: main, user_id: { '@path': $.properties.id }, traits: { b: 1, a: [1, 2.5, null] } }
    skip_nulls: [group_id]
    guard_percent: 12.5
  orders-track:
    destination: archive
    model: orders
    action: sendTrack
    trigger: event = "new" and properties.total > 5
    fields: { engage_space: second, user_id: { '@path': $.properties.id }, event_name: Ordered }
    skip_backfill: true
    enabled: false
`;

const withProfiles = new Set<number>();
beforeEach(() => withProfiles.clear());
const spaceHasProfiles = async (_db: unknown, no: number) => withProfiles.has(no);

async function plan(db: Database, text: string, hasProfiles = spaceHasProfiles) {
  const file = await parseWorkspaceFile(text, { fileName: 'shop.yaml', env, baseFolder: '/base', checks });
  return planApply({ db: db.pool, secrets }, file, { spaceHasProfiles: hasProfiles, excludeSyncs });
}

async function apply(db: Database, text: string) {
  return runApply({ db, secrets }, await plan(db, text));
}

/** Every row of every table of ours, as text. */
async function dump(db: Database): Promise<string> {
  const { rows: tables } = await db.pool.query<{ name: string }>(
    `SELECT quote_ident(relname) AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
     ORDER BY relname`,
  );
  expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['sources', 'destinations', 'tokens']));
  const lines: string[] = [];
  for (const { name } of tables) {
    const { rows } = await db.pool.query<{ line: string }>(`SELECT t::text AS line FROM ${name} t ORDER BY 1`);
    lines.push(...rows.map(({ line }) => `${name} ${line}`));
  }
  return lines.join('\n');
}

test('a file is stored as it says, and applying it again changes nothing', async () => {
  await using db = await testDatabase();
  const first = await plan(db, full);
  expect(first.entries.map(({ action, kind, name }) => `${action} ${kind} ${name}`)).toEqual([
    'create space main',
    'create space second',
    'create source shop',
    'create source crm',
    'create source other',
    'create model customers',
    'create model orders',
    'create destination profiles',
    'create destination archive',
    'create mapping customers-identify',
    'create mapping orders-track',
  ]);
  expect(await runApply({ db, secrets }, first)).toMatchObject({ created: 11, changed: 0, removed: 0, resets: [] });
  const stored = await readWorkspace({ db: db.pool, secrets });
  expect(stored.sources.map(({ name, settings }) => [name, settings])).toEqual([
    ['crm', { host: 'h', port: 5432, password: `${canary}-password`, ssl: { key: `${canary}-password` } }],
    ['other', { url: `postgres://u:${canary}-url@h/db` }],
    ['shop', { path: '/base/shop.duckdb' }],
  ]);
  const track = await findMapping({ db: db.pool, secrets }, 'orders-track');
  expect(track.mapping).toMatchObject({
    id: expect.stringMatching(/^mpg_[0-9A-Za-z]{27}$/),
    trigger: 'event = "new" and properties.total > 5',
    skipBackfill: true,
    enabled: false,
    epoch: 1,
    guardPercent: null,
    skipNulls: [],
  });
  expect(track.model).toMatchObject({ name: 'orders', identifierColumn: 'order_id', id: track.mapping.modelId });
  expect(track.destination).toMatchObject({
    name: 'archive',
    settings: { endpoint: 'local' },
    slug: 'actions-segment-profiles',
  });
  expect(track.source).toMatchObject({ name: 'shop', id: track.destination.sourceId });
  const identify = await findMapping({ db: db.pool, secrets }, stored.mappings[0]?.id ?? '');
  expect(identify.mapping).toMatchObject({ name: 'customers-identify', guardPercent: 12.5, skipNulls: ['group_id'] });
  expect(identify.mapping.fields.traits).toEqual({ b: 1, a: [1, 2.5, null] });
  expect(identify.destination.settings).toEqual({ endpoint: 'local', segment_papi_token: `${canary}-papi` });

  const before = await dump(db);
  const second = await plan(db, full);
  expect(second.changesNothing).toBe(true);
  expect(second.entries.every(({ action, changes }) => action === 'same' && changes.length === 0)).toBe(true);
  expect(await runApply({ db, secrets }, second)).toMatchObject({ created: 0, changed: 0, removed: 0 });
  expect(await dump(db)).toBe(before);
});

test('no secret is in the database, in a plan, or in what was applied', async () => {
  await using db = await testDatabase();
  const first = await plan(db, full);
  const applied = await runApply({ db, secrets }, first);
  const [space] = await listSpaces(db.pool);
  const token = await createToken(db.pool, space?.id ?? '', 'x');
  const text = await dump(db);
  expect(text).toContain('shop.duckdb');
  expect(text).not.toContain(canary);
  expect(text).not.toContain(Buffer.from(canary).toString('hex'));
  expect(text).not.toContain(token.secret.slice(4));
  const changed = await plan(
    db,
    full.replace('${CRM_PASSWORD}, ssl', '${PAPI}, ssl').replace('url: ${CRM_URL}', 'host: h'),
  );
  expect(changed.entries.filter(({ action }) => action !== 'same')).toEqual([
    {
      action: 'change',
      kind: 'source',
      name: 'crm',
      changes: [{ path: 'password', from: '(set)', to: '(set)' }],
      notes: [],
    },
    {
      action: 'change',
      kind: 'source',
      name: 'other',
      notes: [],
      changes: [
        { path: 'host', from: undefined, to: 'h' },
        { path: 'url', from: '(set)', to: undefined },
      ],
    },
  ]);
  for (const printed of [first, applied, changed]) expect(JSON.stringify(printed)).not.toContain(canary);
});

test('what changes is listed by its path; ids, epochs and numbers stay', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const before = await readWorkspace({ db: db.pool, secrets });
  const text = full
    .replace('b: 1, a: [1, 2.5, null]', 'a: [1, 3, null], c: x')
    .replace('guard_percent: 12.5', 'records: [new]')
    .replace('second: { auto_register: false }', 'second: { auto_register: true }')
    .replace('query: select 1 as id ', 'query: select 2 as id ');
  const changed = await plan(db, text);
  expect(
    changed.entries.filter(({ action }) => action === 'change').map(({ kind, name, changes }) => [kind, name, changes]),
  ).toEqual([
    ['space', 'second', [{ path: 'auto_register', from: false, to: true }]],
    ['model', 'customers', [{ path: 'query', from: 'select 1 as id', to: 'select 2 as id' }]],
    [
      'mapping',
      'customers-identify',
      [
        { path: 'fields.traits.a[1]', from: 2.5, to: 3 },
        { path: 'fields.traits.b', from: 1, to: undefined },
        { path: 'fields.traits.c', from: undefined, to: 'x' },
        { path: 'guard_percent', from: 12.5, to: null },
        { path: 'trigger', from: 'event = "new" or event = "updated"', to: 'event = "new"' },
      ],
    ],
  ]);
  expect(await runApply({ db, secrets }, changed)).toMatchObject({ created: 0, changed: 3, removed: 0, resets: [] });
  const after = await readWorkspace({ db: db.pool, secrets });
  const idsOf = (list: readonly { id: string; name: string }[]) => list.map(({ id, name }) => [id, name]);
  for (const kind of ['sources', 'models', 'destinations', 'mappings', 'spaces'] as const) {
    expect(idsOf(after[kind])).toEqual(idsOf(before[kind]));
  }
  expect(after.spaces.map(({ no, writeKey }) => [no, writeKey])).toEqual(
    before.spaces.map(({ no, writeKey }) => [no, writeKey]),
  );
  expect(after.mappings.map(({ epoch }) => epoch)).toEqual([1, 1]);
  expect((await plan(db, text)).changesNothing).toBe(true);
});

test('another identifier column resets the mappings of the model, and says so', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const text = full.replace('identifier: id,', 'identifier: email,');
  const changed = await plan(db, text);
  const entry = changed.entries.find(({ kind, name }) => kind === 'model' && name === 'customers');
  expect(entry).toMatchObject({ action: 'change', changes: [{ path: 'identifier', from: 'id', to: 'email' }] });
  expect(entry?.notes).toEqual([expect.stringContaining('resets the state of mapping customers-identify')]);
  const { mapping } = await findMapping({ db: db.pool, secrets }, 'customers-identify');
  expect(mapping.epoch).toBe(1);
  const applied = await runApply({ db, secrets }, changed);
  expect(applied.resets).toEqual([
    {
      mappingId: mapping.id,
      mapping: 'customers-identify',
      reason: 'its identifier column becomes email instead of id',
    },
  ]);
  expect(applied.formerly(mapping.id)).toMatchObject({ model: { identifierColumn: 'id' }, source: { name: 'shop' } });
  const after = await readWorkspace({ db: db.pool, secrets });
  expect(after.mappings.map(({ name, epoch }) => [name, epoch])).toEqual([
    ['customers-identify', 2],
    ['orders-track', 1],
  ]);

  // A mapping that takes another model is reset only when its rows get other identifiers.
  const moved = await plan(db, text.replace('model: customers', 'model: orders'));
  expect(moved.resets).toMatchObject([{ mapping: 'customers-identify' }]);
  const twin = text.replace('  orders: {', '  twin: { source: shop, identifier: email, query: select 3 }\n  orders: {');
  expect((await plan(db, twin.replace('model: customers', 'model: twin'))).resets).toEqual([]);
});

test('a change of the fields of a mapping says which rows it reaches', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const notesOf = async (text: string) =>
    (await plan(db, text)).entries
      .filter(({ action }) => action === 'change')
      .map(({ name, notes }) => [name, ...notes]);
  const note = expect.stringMatching(/^Rows already delivered are sent anew when they change.*reset the mapping/);
  const all = 'Rows already delivered are not sent again; reset the mapping to send them all.';
  expect(await notesOf(full.replace('b: 1', 'b: 2'))).toEqual([['customers-identify', note]]);
  expect(await notesOf(full.replace('[group_id]', '[]'))).toEqual([['customers-identify', note]]);
  expect(await notesOf(full.replace('engage_space: main', 'engage_space: second'))).toEqual([
    ['customers-identify', all],
  ]);
  expect(await notesOf(full.replace('12.5', '13'))).toEqual([['customers-identify']]);
});

test('what the file no longer names is removed, except spaces with profiles', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const spaces = await listSpaces(db.pool);
  const main = spaces.find(({ name }) => name === 'main');
  withProfiles.add(main?.no ?? 0);
  const { mapping } = await findMapping({ db: db.pool, secrets }, 'orders-track');
  const empty = await plan(db, 'spaces: {}\n');
  expect(empty.entries.map(({ action, kind, name }) => `${action} ${kind} ${name}`)).toEqual([
    'keep space main',
    'remove space second',
    'remove source crm',
    'remove source other',
    'remove source shop',
    'remove model customers',
    'remove model orders',
    'remove destination archive',
    'remove destination profiles',
    'remove mapping customers-identify',
    'remove mapping orders-track',
  ]);
  expect(empty.entries[0]?.notes).toEqual([expect.stringContaining('it has profiles, so it is kept')]);
  const applied = await runApply({ db, secrets }, empty);
  expect(applied).toMatchObject({ removed: 10 });
  expect(applied.removedMappings).toContainEqual({ mappingId: mapping.id, mapping: 'orders-track' });
  expect(applied.formerly(mapping.id).source.name).toBe('shop');
  expect(await readWorkspace({ db: db.pool, secrets })).toEqual({
    sources: [],
    models: [],
    destinations: [],
    mappings: [],
    spaces: [main],
    eventStreams: [],
    alerts: [],
  });
  expect((await plan(db, 'spaces: {}\n')).changesNothing).toBe(true);
});

test('a space that got profiles after the plan is not removed', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const late = await plan(db, 'spaces: {}\n', async (_db, no) => withProfiles.has(no));
  withProfiles.add((await listSpaces(db.pool))[0]?.no ?? 0);
  await expect(runApply({ db, secrets }, late)).rejects.toMatchObject({ code: 'workspace_changed' });
  expect((await readWorkspace({ db: db.pool, secrets })).mappings).toHaveLength(2);
});

test('of applies made at once for the same state, one is carried out', async () => {
  await using db = await testDatabase();
  const texts = [full, full.replaceAll('customers', 'clients'), full.replaceAll('orders', 'sales'), full];
  const plans = await Promise.all(texts.map((text) => plan(db, text)));
  const results = await Promise.allSettled(plans.map((one) => runApply({ db, secrets }, one)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'workspace_changed' });
  }
  const { mappings, sources } = await readWorkspace({ db: db.pool, secrets });
  expect([mappings.length, sources.length]).toEqual([2, 3]);
});

test('a plan of an older state is refused and changes nothing', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const old = await plan(db, full.replace('12.5', '50'));
  await createSpace(db.pool, 'third');
  const before = await dump(db);
  await expect(runApply({ db, secrets }, old)).rejects.toMatchObject({ code: 'workspace_changed' });
  expect(await dump(db)).toBe(before);
  // A reset in between is no other state: the plan still holds.
  const fresh = await plan(db, full.replace('12.5', '50'));
  const { mapping } = await findMapping({ db: db.pool, secrets }, 'orders-track');
  expect(await db.transaction((tx) => bumpEpoch(tx, mapping.id))).toBe(2);
  expect(await runApply({ db, secrets }, fresh)).toMatchObject({ changed: 1 });
  expect((await findMapping({ db: db.pool, secrets }, 'orders-track')).mapping.epoch).toBe(2);
});

test('a space may be named by id or write key, if it is there and stays', async () => {
  await using db = await testDatabase();
  const space = await createSpace(db.pool, 'main');
  for (const key of [space.id, space.writeKey]) {
    const text = full.replace('engage_space: main', `engage_space: ${key}`);
    expect((await plan(db, text)).entries.at(-1)?.action).toBe('create');
    await expect(plan(db, text.replace('  main: {}\n', ''))).rejects.toMatchObject({
      code: 'workspace_invalid',
      faults: [{ where: 'shop.yaml:19:29', message: expect.stringContaining('there is no space') }],
    });
  }
  await expect(plan(db, full.replace('engage_space: main', `engage_space: ${'x'.repeat(32)}`))).rejects.toMatchObject({
    code: 'workspace_invalid',
  });
});

test('another key is refused clearly, and nothing is written with it', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const other = await openSecrets({ key: Buffer.alloc(32, 8).toString('base64'), dataFolder: '/nowhere' });
  const store = { db: db.pool, secrets: other };
  const file = await parseWorkspaceFile(full, { fileName: 'shop.yaml', env, baseFolder: '/base', checks });
  await expect(planApply(store, file, { spaceHasProfiles, excludeSyncs })).rejects.toMatchObject({
    code: 'secret_key_wrong',
  });
  await expect(findSource(store, 'crm')).rejects.toThrow('another key');
  await expect(findSource(store, 'shop')).resolves.toMatchObject({ name: 'shop' });
});

test('what is not there is an error with near names', async () => {
  await using db = await testDatabase();
  const store = { db: db.pool, secrets };
  await expect(findMapping(store, 'x')).rejects.toMatchObject({
    help: expect.stringContaining('There is no mapping yet'),
  });
  await apply(db, full);
  await expect(findMapping(store, 'customer-identify')).rejects.toMatchObject({
    code: 'not_found',
    message: 'There is no mapping "customer-identify".',
    help: 'Did you mean "customers-identify"?',
  });
  await expect(findModel(store, 'custmers')).rejects.toMatchObject({ help: 'Did you mean "customers"?' });
  await expect(findSource(store, 'zzzzzzzz')).rejects.toMatchObject({ help: 'There is "crm", "other", "shop".' });
  expect(await findModel(store, 'customers')).toMatchObject({ model: { name: 'customers' }, source: { name: 'shop' } });
  await expect(db.transaction((tx) => bumpEpoch(tx, 'mpg_none'))).rejects.toMatchObject({ code: 'not_found' });
});

test('a change that fails halfway changes nothing', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const before = await dump(db);
  const changed = await plan(db, full.replace('12.5', '50').replace('auto_register: false', 'auto_register: true'));
  const wanted = changed.wanted();
  const broken = {
    ...changed,
    wanted: () => ({ ...wanted, mappings: wanted.mappings.map((one) => ({ ...one, action: null as never })) }),
  };
  await expect(runApply({ db, secrets }, broken)).rejects.toThrow(/action/);
  expect(await dump(db)).toBe(before);
});

describe('event streams', () => {
  const spaces = 'spaces: { main: {}, second: {} }\n';
  const streams = (...lines: string[]) => `${spaces}event_streams:\n${lines.map((line) => `  ${line}\n`).join('')}`;
  const keysOf = async (db: Database) =>
    Object.fromEntries((await listEventStreams(db.pool)).map(({ name, writeKey }) => [name, writeKey]));

  test('are made with the spaces they name, and get a write key once', async () => {
    await using db = await testDatabase();
    const text = streams(
      'website: { spaces: [second, main], client_side: true, oauth_enforced: true }',
      'billing: { spaces: [main], enabled: false, write_key: old-key_1 }',
    );
    const first = await plan(db, text);
    expect(first.entries.map(({ action, kind, name }) => `${action} ${kind} ${name}`)).toEqual([
      'create space main',
      'create space second',
      'create event stream website',
      'create event stream billing',
    ]);
    expect(await runApply({ db, secrets }, first)).toMatchObject({ created: 4 });
    const { eventStreams, spaces: made } = await readWorkspace({ db: db.pool, secrets });
    const [main, second] = made;
    expect(eventStreams).toEqual([
      {
        id: expect.stringMatching(/^evs_[0-9A-Za-z]{27}$/),
        name: 'billing',
        title: null,
        writeKey: 'old-key_1',
        moreWriteKeys: [],
        spaces: [main],
        enabled: false,
        clientSide: false,
        oauthEnforced: false,
        createdAt: expect.any(Date),
      },
      {
        id: expect.stringMatching(/^evs_/),
        name: 'website',
        title: null,
        moreWriteKeys: [],
        createdAt: expect.any(Date),
        writeKey: expect.stringMatching(/^[0-9A-Za-z]{32}$/),
        spaces: [second, main],
        enabled: true,
        clientSide: true,
        oauthEnforced: true,
      },
    ]);
    expect(await listEventStreams(db.pool)).toEqual(eventStreams);

    const before = await dump(db);
    expect((await plan(db, text)).changesNothing).toBe(true);
    // The one it has is kept, also when the file no longer gives it.
    expect((await plan(db, text.replace(', write_key: old-key_1', ''))).changesNothing).toBe(true);
    await apply(db, text);
    expect(await dump(db)).toBe(before);
  });

  test('what changes is listed, write keys without showing them', async () => {
    await using db = await testDatabase();
    await apply(db, streams('website: { spaces: [main] }', 'app: { spaces: [main] }'));
    const [app, website] = await listEventStreams(db.pool);
    const text = streams(
      'website: { spaces: [main, second], client_side: true, oauth_enforced: true, enabled: false, write_key: "${KEY}" }',
    );
    const changed = await plan(db, text);
    expect(changed.entries.filter(({ action }) => action !== 'same')).toEqual([
      {
        action: 'change',
        kind: 'event stream',
        name: 'website',
        changes: [
          { path: 'client_side', from: false, to: true },
          { path: 'enabled', from: true, to: false },
          { path: 'oauth_enforced', from: false, to: true },
          { path: 'spaces', from: ['main'], to: ['main', 'second'] },
          { path: 'write_key', from: '(set)', to: '(set)' },
        ],
        notes: ['Its old write key stops working: SDKs that use it are answered 200 and their messages are discarded.'],
      },
      {
        action: 'remove',
        kind: 'event stream',
        name: 'app',
        changes: [],
        notes: ['Its write key stops working: SDKs that use it are answered 200 and their messages are discarded.'],
      },
    ]);
    for (const key of [canary, app?.writeKey, website?.writeKey]) expect(JSON.stringify(changed)).not.toContain(key);
    expect(await runApply({ db, secrets }, changed)).toMatchObject({ created: 0, changed: 1, removed: 1 });
    const [after, ...others] = await listEventStreams(db.pool);
    expect(others).toEqual([]);
    expect(after).toMatchObject({ id: website?.id, writeKey: `${canary}-key`, enabled: false, clientSide: true });
    expect(after?.spaces.map(({ name }) => name)).toEqual(['main', 'second']);
    expect((await plan(db, text)).changesNothing).toBe(true);
  });

  test('a write key may change hands in one apply, also both ways', async () => {
    await using db = await testDatabase();
    await apply(
      db,
      streams(
        'a: { spaces: [main], write_key: one }',
        'b: { spaces: [main], write_key: two }',
        'c: { spaces: [main], write_key: three }',
      ),
    );
    await apply(
      db,
      streams(
        'a: { spaces: [main], write_key: two }',
        'b: { spaces: [main], write_key: one }',
        'd: { spaces: [main], write_key: three }',
      ),
    );
    expect(await keysOf(db)).toEqual({ a: 'two', b: 'one', d: 'three' });
  });

  test("a write key that is something else's is a fault on its line", async () => {
    await using db = await testDatabase();
    await apply(db, streams('website: { spaces: [main] }'));
    const [space] = await listSpaces(db.pool);
    const { website } = await keysOf(db);
    const taken = streams(
      'website: { spaces: [main] }',
      `app: { spaces: [main], write_key: ${website} }`,
      `other: { spaces: [main], write_key: ${space?.writeKey} }`,
    );
    await expect(plan(db, taken)).rejects.toMatchObject({
      code: 'workspace_invalid',
      faults: [
        {
          where: 'shop.yaml:4:37',
          message: 'event_streams.app.write_key: the event stream "website" has this write key.',
        },
        { where: 'shop.yaml:5:39', message: 'event_streams.other.write_key: the space "main" has this write key.' },
      ],
    });
    // Its own is not taken.
    expect((await plan(db, streams(`website: { spaces: [main], write_key: ${website} }`))).changesNothing).toBe(true);
  });

  test('a space goes with the last stream that uses it, not before', async () => {
    await using db = await testDatabase();
    await apply(db, streams('website: { spaces: [main, second] }'));
    await expect(
      plan(db, streams('website: { spaces: [main, second] }').replace(', second: {}', '')),
    ).rejects.toMatchObject({
      faults: [
        {
          where: 'shop.yaml:3:29',
          message: 'event_streams.website.spaces[1]: there is no space "second" in this file. There is "main".',
        },
      ],
    });
    const old = await plan(db, 'spaces: { main: {} }');
    await createEventStream(db, { name: 'late', spaces: ['second'], clientSide: false });
    await expect(runApply({ db, secrets }, old)).rejects.toMatchObject({ code: 'workspace_changed' });
    expect(await apply(db, 'spaces: { main: {} }')).toMatchObject({ removed: 3 });
    expect(await listEventStreams(db.pool)).toEqual([]);
  });
});

test('a list that orders defaults is applied once, also to a space that was stored before it was told apart', async () => {
  await using db = await testDatabase();
  const text = 'spaces: { main: { identifiers: [{ type: user_id }, { type: email }, { type: android.id }] } }';
  await apply(db, text);
  await db.pool.query(`UPDATE spaces SET settings = settings - 'ordered'`);
  const [entry] = (await plan(db, text)).entries;
  expect(entry?.changes).toEqual([{ path: 'identifiers_in_order', from: undefined, to: 3 }]);
  await apply(db, text);
  expect((await plan(db, text)).changesNothing).toBe(true);
  await apply(db, 'spaces: { main: {} }');
  expect((await plan(db, 'spaces: { main: {} }')).changesNothing).toBe(true);
});

test('the settings of a space are stored when given, and their changes listed by path', async () => {
  await using db = await testDatabase();
  await apply(db, 'spaces: { main: {} }');
  const [before] = await listSpaces(db.pool);
  expect(Object.keys(before?.settings ?? {}).sort()).toEqual(['autoRegister', 'identifiers']);
  const usual = 'spaces: { main: { filters: {}, subscription_groups: [], identifier_deletion: false } }';
  expect((await plan(db, usual)).changesNothing).toBe(true);
  const text = `
spaces:
  main:
    filters:
      office: { if: 'context.ip = "10.0.0.7"', description: Ourselves. }
      tests: { if: properties.test = true, enabled: false }
    subscription_groups: [weekly digest, Offers]
    identifier_deletion: true
`;
  await apply(db, text);
  const [after] = await listSpaces(db.pool);
  expect(after?.settings).toEqual({
    ...before?.settings,
    filters: [
      { name: 'office', if: 'context.ip = "10.0.0.7"', description: 'Ourselves.', enabled: true },
      { name: 'tests', if: 'properties.test = true', description: '', enabled: false },
    ],
    subscriptionGroups: ['weekly digest', 'Offers'],
    identifierDeletion: true,
  });
  expect((await plan(db, text)).changesNothing).toBe(true);
  const other = text
    .replace('10.0.0.7', '10.0.0.8')
    .replace(', Offers', '')
    .replace('deletion: true', 'deletion: false');
  const changed = await plan(db, other);
  expect(changed.entries).toMatchObject([
    {
      changes: [
        { path: 'filters.office.if', from: 'context.ip = "10.0.0.7"', to: 'context.ip = "10.0.0.8"' },
        { path: 'identifier_deletion', from: true, to: false },
        { path: 'subscription_groups', from: ['weekly digest', 'Offers'], to: ['weekly digest'] },
      ],
      notes: ['Existing profiles stay as they are; new messages follow the new rules.'],
    },
  ]);
  expect((await plan(db, text.replace('deletion: true', 'deletion: false'))).entries).toMatchObject([
    { action: 'change', notes: [] },
  ]);
});

test('a mapping whose sync runs is neither removed nor reset, and nothing else is changed with it', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const { mapping } = await findMapping({ db: db.pool, secrets }, 'customers-identify');
  const { mapping: other } = await findMapping({ db: db.pool, secrets }, 'orders-track');
  const before = await dump(db);
  const lease = await takeLease(db, mapping.id);
  for (const text of [
    full.replaceAll('customers-identify', 'renamed'),
    full.replace('identifier: id,', 'identifier: email,'),
  ]) {
    await expect(apply(db, text.replace('auto_register: false', 'auto_register: true'))).rejects.toMatchObject({
      code: 'sync_running',
      message: 'A sync of customers-identify is running.',
      help: expect.stringContaining('millrace sync cancel'),
    });
    expect(await dump(db)).toBe(before);
  }
  const second = await takeLease(db, other.id);
  await expect(apply(db, 'spaces: {}')).rejects.toThrow('running: customers-identify, orders-track.');
  await second?.release();
  // What leaves the state alone may change under a sync; the next one sees it.
  expect(await apply(db, full.replace('12.5', '50'))).toMatchObject({ changed: 1 });
  await lease?.release();
  expect(await apply(db, 'spaces: {}')).toMatchObject({ removed: 11 });
});

test('a sync that begins while its mapping is removed meets the lock, then no mapping', async () => {
  await using db = await testDatabase();
  await apply(db, full);
  const { mapping } = await findMapping({ db: db.pool, secrets }, 'customers-identify');
  const removing = await plan(db, 'spaces: {}');
  let meanwhile: unknown;
  await runApply(
    { db, secrets },
    {
      ...removing,
      excludeSyncs: async (tx, mappings) => {
        await excludeSyncs(tx, mappings);
        meanwhile = await takeLease(db, mapping.id);
      },
    },
  );
  expect(meanwhile).toBeNull();
  const later = await takeLease(db, mapping.id);
  expect(later).not.toBeNull();
  await later?.release();
});
