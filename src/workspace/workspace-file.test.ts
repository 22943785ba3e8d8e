// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the workspace file look like that
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { isMillraceError } from '../base/errors.ts';
import { checkModelSql, checkSourceSettings } from '../warehouse/warehouse.ts';
import { checks } from './checks.test-support.ts';
import type { Definitions } from './definitions.ts';
import { everyKey } from './file-shape.ts';
import { parseWorkspaceFile } from './workspace.ts';

const env = { CRM_PASSWORD: 'canary-in-the-mine', PORT: '5433', URL_PW: 'p w' };

async function read(text: string, baseFolder = '/base'): Promise<Definitions> {
  return (await parseWorkspaceFile(text, { fileName: 'shop.yaml', env, baseFolder, checks })).definitions();
}

async function faultsOf(text: string, baseFolder?: string): Promise<readonly string[]> {
  const error = await read(text, baseFolder).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) return [];
  if (!isMillraceError(error, 'workspace_invalid')) throw error;
  return error.faults.map(({ where, message }) => `${where} ${message}`);
}

const small = `
spaces:
  main: {}
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

test('a small file means what it says, with defaults filled in', async () => {
  const definitions = await read(small);
  expect(definitions.sources).toEqual([
    {
      name: 'shop',
      title: null,
      engine: 'duckdb',
      settings: { path: '/base/shop.duckdb' },
      extraSettings: {},
      enabled: true,
    },
  ]);
  expect(definitions.models).toEqual([
    {
      name: 'customers',
      title: null,
      source: 'shop',
      description: '',
      query: 'select 1 as id',
      identifierColumn: 'id',
      enabled: true,
      schedule: null,
    },
  ]);
  expect(definitions.destinations).toEqual([
    {
      name: 'profiles',
      title: null,
      source: 'shop',
      slug: 'actions-segment-profiles',
      settings: { endpoint: 'local' },
      enabled: true,
    },
  ]);
  expect(definitions.mappings).toEqual([
    {
      name: 'identify',
      title: null,
      destination: 'profiles',
      model: 'customers',
      action: 'sendIdentify',
      trigger: 'event = "new" or event = "updated"',
      // The defaults of the action are filled in when it runs.
      fields: { engage_space: 'main', user_id: { '@path': '$.properties.id' } },
      skipNulls: [],
      skipBackfill: false,
      guardPercent: null,
      schedule: null,
      enabled: true,
    },
  ]);
  expect(definitions.spaces[0]?.settings.identifiers).toHaveLength(11);
  expect(definitions.spaces[0]?.settings.autoRegister).toBe(true);
});

test('a list of identifiers moves types to the front and adds to the recommended blocked values', async () => {
  const { spaces } = await read(`
spaces:
  main:
    identifiers:
      - { type: user_id }
      - { type: loyalty_id, per: weekly, limit: 2, blocked: { values: [abc123], patterns: ['^test'] } }
      - { type: store_id, collection: accounts, custom: false, blocked: { recommended: false, values: [x] } }
    auto_register: false
`);
  const settings = spaces[0]?.settings;
  expect(settings?.autoRegister).toBe(false);
  expect(settings?.identifiers.map(({ type }) => type)).toEqual([
    'user_id',
    'loyalty_id',
    'store_id',
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
  expect(settings?.identifiers[0]).toMatchObject({ limit: 1, window: 'ever', custom: false, collection: 'users' });
  expect(settings?.identifiers[1]).toEqual({
    type: 'loyalty_id',
    collection: 'users',
    limit: 2,
    window: 'weekly',
    blocked: { values: ['-1', 'null', 'anonymous', 'abc123'], patterns: ['^[0-]*$', '^test'] },
    custom: true,
  });
  expect(settings?.identifiers[2]).toMatchObject({
    collection: 'accounts',
    custom: false,
    blocked: { values: ['x'], patterns: [] },
  });
});

test.each([
  ['nothing', '', undefined],
  ['types of its own', '[{ type: user_id }, { type: loyalty_id }]', undefined],
  ['defaults that come first anyway', '[{ type: user_id }, { type: email }]', undefined],
  ['a default with other settings', '[{ type: user_id }, { type: ios.id, limit: 2 }]', undefined],
  ['defaults in another order', '[{ type: user_id }, { type: ios.id }]', undefined],
  ['defaults in their own order', '[{ type: user_id }, { type: email }, { type: android.id }]', 3],
])('what a list orders is stored where the list does not tell it: %s', async (_, list, ordered) => {
  const { spaces } = await read(`spaces: { main: { ${list === '' ? '' : `identifiers: ${list}`} } }`);
  expect(spaces[0]?.settings.ordered).toBe(ordered);
});

test('ten faults of ten kinds are all found, each on its line', async () => {
  const text = `spaces:
  main: { auto_registr: true }
sources:
  shop: { engine: duckdb, path: ./shop.duckdb }
  shop: { engine: duckdb, path: ./other.duckdb }
  crm:
    engine: postgres
    password: hunter2-literal
    host: \${CRM_HOST}
    port: many
models:
  customers: { source: shp, identifier: id, query: select 1 as id }
  orders: { source: shop, identifier: 7, query: select 1 as id }
  Bad Name: { source: shop, identifier: id, query: select 1 as id }
destinations:
  profiles: { source: shop }
  far: { source: shop, settings: { endpoint: europe } }
mappings:
  identify:
    destination: profiles
    model: custmers
    action: sendIdentify
    trigger: event ~ "new"
    fields:
      engage_space: mian
      user_id:
        '@pth': $.properties.id
    skip_nulls: [grup_id]
`;
  expect(await faultsOf(text)).toEqual([
    'shop.yaml:2:11 spaces.main.auto_registr: there is no such key. Did you mean "auto_register"?',
    'shop.yaml:5:3 The key "shop" was already used on line 4; each key may appear once.',
    expect.stringMatching(
      /^shop\.yaml:8:15 sources\.crm\.password: a secret is written out in the file\. .*\$\{CRM_PASSWORD\}/,
    ),
    'shop.yaml:9:11 sources.crm.host: the environment variable CRM_HOST is not set.',
    'shop.yaml:10:11 sources.crm.port: this must be a number.',
    'shop.yaml:12:24 models.customers.source: there is no source "shp" in this file. Did you mean "shop"?',
    'shop.yaml:13:39 models.orders.identifier: this must be text, not a number.',
    expect.stringMatching(/^shop\.yaml:14:3 models\.Bad Name: a name must begin with/),
    expect.stringMatching(
      /^shop\.yaml:17:\d+ destinations\.far\.settings\.segment_papi_token: segment_papi_token \(.*\) is required for the endpoint europe\.$/,
    ),
    'shop.yaml:21:12 mappings.identify.model: there is no model "custmers" in this file. Did you mean "customers"?',
    expect.stringMatching(/^shop\.yaml:23:14 mappings\.identify\.trigger: The trigger/),
    'shop.yaml:25:21 mappings.identify.fields.engage_space: there is no space "mian". Did you mean "main"?',
    expect.stringMatching(
      /^shop\.yaml:2[67]:\d+ mappings\.identify\.fields\.user_id(\.@pth)?: has an invalid directive: @pth/,
    ),
    'shop.yaml:28:18 mappings.identify.skip_nulls[0]: the action has no field "grup_id". Did you mean "group_id"?',
  ]);
});

test('text that is no YAML is a fault on its line, without quoting the file', async () => {
  const faults = await faultsOf('sources:\n  crm:\n    password: "canary-literal\n   x: [\n');
  expect(faults.length).toBeGreaterThan(0);
  for (const fault of faults) expect(fault).toMatch(/^shop\.yaml:\d+:\d+ This is not valid YAML: /);
  expect(faults.join('\n')).not.toContain('canary');
  expect(await faultsOf('')).toEqual(['shop.yaml:1:1 The file is empty.']);
  expect(await faultsOf('just text')).toEqual([expect.stringContaining('The file must be a map of spaces, sources')]);
  expect(await faultsOf('a: 1\n---\nb: 2\n')).toEqual([
    expect.stringMatching(/^shop\.yaml:2:1 This is not valid YAML/),
  ]);
});

test('what is missing is reported at the name of what misses it', async () => {
  expect(await faultsOf('models:\n  a:\n    source: s\nsources:\n  s: { engine: duckdb }\n')).toEqual([
    'shop.yaml:2:3 models.a.identifier: this is missing.',
    'shop.yaml:2:3 models.a: a model has either query or query_file.',
  ]);
  expect(await faultsOf('models:\n  a:\nsources: [x]\nmappings: 5\n')).toEqual([
    'shop.yaml:2:5 models.a: this must be a map, not empty.',
    'shop.yaml:3:10 sources: this must be a map of names, not a list.',
    'shop.yaml:4:11 mappings: this must be a map of names, not a number.',
  ]);
  expect(await faultsOf(small.replace('engage_space: main, ', ''))).toEqual([
    'shop.yaml:15:5 mappings.identify.fields.engage_space: engage_space (Profile Space) is required by Send Identify.',
  ]);
});

test('an unknown choice names the nearest', async () => {
  expect(await faultsOf('sources:\n  s: { engine: postgre }\n')).toEqual([
    'shop.yaml:2:16 sources.s.engine: this must be one of duckdb, postgres; probably postgres.',
  ]);
  expect(await faultsOf(`${small}    records: [new, update]\n`)).toEqual([
    'shop.yaml:16:20 mappings.identify.records[1]: this must be one of new, updated, deleted; probably updated.',
  ]);
});

test('variables are filled in, as numbers where they are written without quotes, never in secrets', async () => {
  const { sources } = await read(`
sources:
  a: { engine: postgres, host: 'db.\${URL_PW}$\${x}', port: \${PORT}, password: \${CRM_PASSWORD}, database: "\${PORT}" }
  b: { engine: postgres, url: 'postgres://u:\${CRM_PASSWORD}@h/db' }
`);
  expect(sources[0]?.settings).toEqual({
    host: 'db.p w${x}',
    port: 5433,
    password: 'canary-in-the-mine',
    database: '5433',
  });
  expect(sources[1]?.settings).toEqual({ url: 'postgres://u:canary-in-the-mine@h/db' });
});

test.each([
  ['password: 12345'],
  ['password: "a${PORT}"'],
  ['url: postgres://u:literal@h/db'],
  ['ssl: { key: "-----BEGIN PRIVATE KEY-----" }'],
  ['connection: "host=h password=literal"'],
  ['path: "s3://bucket/x?token=literal"'],
  ['motherduck_token: [a]'],
  ['key: PEM'],
  ['cert: "-----BEGIN RSA PRIVATE KEY-----literal"'],
])('a secret written out is refused: %s', async (setting) => {
  const faults = await faultsOf(`sources:\n  s:\n    engine: postgres\n    ${setting}\n`);
  expect(faults).toEqual([
    expect.stringMatching(/^shop\.yaml:4:\d+ sources\.s\.\S+: a secret is written out in the file/),
  ]);
  expect(faults.join()).not.toContain('literal');
});

test('a bad variable, and one where it would be stored in clear, are faults; a doubled dollar is not', async () => {
  expect(await faultsOf('sources:\n  s: { engine: duckdb, path: "${A-B}" }\n')).toEqual([
    expect.stringContaining('shop.yaml:2:30 sources.s.path: a variable is written ${NAME}'),
  ]);
  expect(await faultsOf(small.replace('select 1 as id', "select '${PORT}' as id"))).toEqual([
    expect.stringContaining('models.customers.query: ${PORT} is filled in only in the settings of sources'),
  ]);
  const { models } = await read(small.replace('select 1 as id', "select '$$$${PORT}' || $$$$x$$$$ as id"));
  expect(models[0]?.query).toBe("select '${PORT}' || $$x$$ as id");
});

test('fifty mappings fit into a destination', async () => {
  const head = small.slice(0, small.indexOf('  identify:'));
  const body = small.slice(small.indexOf('  identify:') + '  identify:'.length);
  const many = (count: number) => head + Array.from({ length: count }, (_, n) => `  m${n}:${body}`).join('');
  expect((await read(many(50))).mappings).toHaveLength(50);
  expect(await faultsOf(many(51))).toEqual([
    expect.stringMatching(
      /^shop\.yaml:261:3 mappings\.m50: this is one mapping too many: the destination "profiles" can have 50/,
    ),
  ]);
});

test('a model must read the source its destination is connected to', async () => {
  const text = `${small}`
    .replace('destinations:\n  profiles: { source: shop }', 'destinations:\n  profiles: { source: lake }')
    .replace(
      'sources:\n',
      'sources:\n  lake: { engine: duckdb, files: { a: ./a/*.csv, b: [s3://x/y.csv, ./b.csv] } }\n',
    );
  expect(await faultsOf(text)).toEqual([
    expect.stringContaining(
      'the model "customers" reads the source "shop", but the destination "profiles" is connected to "lake"',
    ),
  ]);
});

test('settings are written like all keys of the file, and a lake remembers in the data folder', async () => {
  const text = 'sources:\n  lake: { engine: duckdb, files: { a: ./a.csv }, memory_limit: 2GB, read_from: [./more] }\n';
  const options = { fileName: 'shop.yaml', env, baseFolder: '/base', checks };
  const settings = { files: { a: '/base/a.csv' }, memoryLimit: '2GB', readFrom: ['/base/more'] };
  expect((await read(text)).sources[0]?.settings).toEqual(settings);
  const { sources } = (await parseWorkspaceFile(text, { ...options, dataFolder: '/data' })).definitions();
  expect(sources[0]?.settings).toEqual({ ...settings, statePath: '/data/state-lake.duckdb' });
  expect(await faultsOf(text.replace('memory_limit', 'memoryLimit'))).toEqual([
    'shop.yaml:2:50 sources.lake.memoryLimit: there is no such key. Did you mean "memory_limit"?',
  ]);
});

test('certificates and keys may be files', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'workspace-'));
  try {
    await writeFile(path.join(folder, 'k.pem'), 'PEM');
    const text = 'sources:\n  crm: { engine: postgres, host: h, key_file: k.pem, ca_file: none.pem }\n';
    expect(await faultsOf(text, folder)).toEqual([
      expect.stringMatching(/^shop\.yaml:2:63 sources\.crm\.ca_file: there is no file/),
    ]);
    const { sources } = await read(text.replace('none.pem', 'k.pem'), folder);
    expect(sources[0]?.settings).toEqual({ host: 'h', key: 'PEM', ca: 'PEM' });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('files of a lake start at the folder of the file, addresses stay', async () => {
  const { sources } = await read(
    'sources:\n  lake: { engine: duckdb, path: ":memory:", files: { a: ./a/*.csv, b: [s3://x/y.csv, ./b.csv] } }\n',
  );
  expect(sources[0]?.settings).toEqual({
    path: ':memory:',
    files: { a: '/base/a/*.csv', b: ['s3://x/y.csv', '/base/b.csv'] },
  });
});

test('a query may be in a file', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'workspace-'));
  try {
    await writeFile(path.join(folder, 'c.sql'), 'select 7 as id\n');
    const text = small.replace('query: select 1 as id', 'query_file: ./c.sql');
    expect((await read(text, folder)).models[0]?.query).toBe('select 7 as id\n');
    expect(await faultsOf(text.replace('c.sql', 'd.sql'), folder)).toEqual([
      `shop.yaml:7:58 models.customers.query_file: there is no file ${path.join(folder, 'd.sql')}.`,
    ]);
    const both = small.replace('query: select 1 as id', 'query: select 1, query_file: ./c.sql');
    expect(await faultsOf(both, folder)).toEqual([
      'shop.yaml:7:3 models.customers: a model has either query or query_file.',
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('faults of identifiers', async () => {
  expect(
    await faultsOf(`spaces:
  main:
    identifiers:
      - { type: Loyalty }
      - { type: email, limit: 0 }
      - { type: group_id, collection: users }
`),
  ).toEqual([
    expect.stringContaining('shop.yaml:4:17 spaces.main.identifiers[0].type: a type is lower-case letters'),
    'shop.yaml:5:31 spaces.main.identifiers[1].limit: this must be at least 1.',
    'shop.yaml:6:39 spaces.main.identifiers[2].collection: group_id always belongs to accounts.',
  ]);
  expect(
    await faultsOf(`spaces:
  main:
    identifiers:
      - { type: Loyalty }
      - { type: email, blocked: { patterns: ['('] } }
      - { type: group_id, collection: users }
      - { type: email }
`),
  ).toEqual([
    expect.stringContaining('shop.yaml:4:17 spaces.main.identifiers[0].type: a type is lower-case letters'),
    'shop.yaml:5:46 spaces.main.identifiers[1].blocked.patterns[0]: this is not a regular expression.',
    'shop.yaml:6:39 spaces.main.identifiers[2].collection: group_id always belongs to accounts.',
    'shop.yaml:7:17 spaces.main.identifiers[3].type: the type "email" is in the list twice.',
  ]);
});

test('YAML that JSON or the database cannot hold is refused', async () => {
  expect(
    await faultsOf(
      small.replace(
        'engage_space: main,',
        'engage_space: main, traits: { a: 12345678901234567890, b: .inf, c: "x\\0y", d: *none },',
      ),
    ),
  ).toEqual([
    expect.stringContaining('fields.traits.a: This number is too large to be kept exactly; write it in quotes.'),
    expect.stringContaining('fields.traits.b: Infinite numbers and NaN cannot be used.'),
    expect.stringContaining('fields.traits.c: This text holds a NUL character'),
    expect.stringContaining('fields.traits.d: This alias stands for nothing that was defined before it.'),
  ]);
});

test('anchors work, and a bomb of them does not', async () => {
  const shared = small.replace('{ engage_space: main, user_id', '{ engage_space: &s main, traits: { s: *s }, user_id');
  expect((await read(shared)).mappings[0]?.fields.traits).toEqual({ s: 'main' });
  const bomb = [
    'a: &a0 [x, x, x, x, x, x, x, x, x, x]',
    ...Array.from({ length: 8 }, (_, n) => `a${n}: &a${n + 1} [${`*a${n}, `.repeat(10)}]`),
  ];
  const faults = await faultsOf(bomb.join('\n'));
  expect(faults.join('\n')).toContain('too large or too deeply nested');
});

test('the printed form of a file holds no secret', async () => {
  const file = await parseWorkspaceFile('sources:\n  s: { engine: postgres, password: "${CRM_PASSWORD}" }\n', {
    fileName: 'a.yaml',
    env,
    baseFolder: '/',
    checks,
  });
  expect(JSON.stringify(file)).not.toContain('canary');
  expect(file.definitions().sources[0]?.settings).toEqual({ password: 'canary-in-the-mine' });
});

test('filters and groups of a space are read, and left out where there are none', async () => {
  const { spaces } = await read(`
spaces:
  main:
    filters:
      office: { if: context.ip = "10.0.0.7", description: Ourselves. }
      tests: { if: 'properties.test = true', enabled: false }
    subscription_groups: [weekly digest, Señal, Ça ~ va]
    identifier_deletion: true
  plain: { filters: , subscription_groups: }
`);
  const [main, plain] = spaces;
  expect(main?.settings).toEqual({
    ...plain?.settings,
    filters: [
      { name: 'office', description: 'Ourselves.', enabled: true, if: 'context.ip = "10.0.0.7"' },
      { name: 'tests', description: '', enabled: false, if: 'properties.test = true' },
    ],
    subscriptionGroups: ['weekly digest', 'Señal', 'Ça ~ va'],
    identifierDeletion: true,
  });
  expect(Object.keys(plain?.settings ?? {})).toEqual(['identifiers', 'autoRegister']);
});

test('faults of filters and groups', async () => {
  expect(
    await faultsOf(`spaces:
  main:
    filters:
      Own Office: { if: type = "page" }
      some: { if: messageId = "m1" and type = "track" }
      other: { if: type = }
      none: { If: type = "page" }
    identifier_deletion: maybe
    subscription_groups:
      - ' weekly'
      - 50% off
      - Café
      - news
      - news
      - ''
      - ${'x'.repeat(76)}
      - "two\\nlines"
`),
  ).toEqual([
    expect.stringMatching(/^shop\.yaml:4:7 spaces\.main\.filters\.Own Office: a name must begin with/),
    'shop.yaml:5:19 spaces.main.filters.some.if: The condition `messageId = "m1" and type = "track"` looks at `messageId`, ' +
      'which conditions cannot see; they see type, event, name, userId, properties.…, traits.… and context.….',
    'shop.yaml:6:20 spaces.main.filters.other.if: The condition `type =` ends where a text in double quotes, a number, ' +
      'true, false or null should follow.',
    'shop.yaml:7:7 spaces.main.filters.none.if: this is missing.',
    'shop.yaml:7:15 spaces.main.filters.none.If: there is no such key. Did you mean "if"?',
    'shop.yaml:8:26 spaces.main.identifier_deletion: this must be true or false, not text.',
    'shop.yaml:10:9 spaces.main.subscription_groups[0]: the name of a group must not begin or end with a space.',
    expect.stringContaining(
      'shop.yaml:11:9 spaces.main.subscription_groups[1]: the name of a group must not have special',
    ),
    'shop.yaml:12:9 spaces.main.subscription_groups[2]: the name of a group must not have vowels with accents.',
    'shop.yaml:14:9 spaces.main.subscription_groups[4]: this group is in the list twice.',
    'shop.yaml:15:9 spaces.main.subscription_groups[5]: the name of a group must have 1 to 75 characters.',
    'shop.yaml:16:9 spaces.main.subscription_groups[6]: the name of a group must have 1 to 75 characters.',
    'shop.yaml:17:9 spaces.main.subscription_groups[7]: the name of a group must be on one line.',
  ]);
});

test('ten filters and twenty-five groups fit into a space', async () => {
  const text = (filters: number, groups: number) => `
spaces:
  main:
    filters: { ${Array.from({ length: filters }, (_, n) => `f${n}: { if: type = "page" }`).join(', ')} }
    subscription_groups: [${Array.from({ length: groups }, (_, n) => `g${n}`).join(', ')}]
`;
  expect(await faultsOf(text(10, 25))).toEqual([]);
  expect(await faultsOf(text(11, 26))).toEqual([
    expect.stringMatching(
      /^shop\.yaml:4:\d+ spaces\.main\.filters\.f10: this is one filter too many: a space can have 10\.$/,
    ),
    expect.stringMatching(/^shop\.yaml:5:\d+ \S+\[25\]: this is one group too many: a space can have 25\.$/),
  ]);
});

test('event streams are read, write keys from variables too, always as text', async () => {
  const { eventStreams } = await read(`
spaces: { main: {}, second: {} }
event_streams:
  website: { spaces: [main, second], client_side: true, oauth_enforced: true }
  billing: { spaces: [second], write_key: \${PORT}, enabled: false }
  app: { spaces: [main], write_key: "x-\${PORT}" }
`);
  expect(eventStreams).toEqual([
    {
      name: 'website',
      title: null,
      spaces: ['main', 'second'],
      clientSide: true,
      oauthEnforced: true,
      writeKey: null,
      enabled: true,
    },
    {
      name: 'billing',
      title: null,
      spaces: ['second'],
      clientSide: false,
      oauthEnforced: false,
      writeKey: '5433',
      enabled: false,
    },
    {
      name: 'app',
      title: null,
      spaces: ['main'],
      clientSide: false,
      oauthEnforced: false,
      writeKey: 'x-5433',
      enabled: true,
    },
  ]);
});

test('faults of event streams', async () => {
  expect(
    await faultsOf(`
spaces: { main: {} }
event_streams:
  none: { client_side: true }
  empty: { spaces: [] }
  text: { spaces: main }
  number: { spaces: [main], write_key: 12 }
  Name: { spaces: [main] }
  unknown: { spaces: [mian], name: "\${PORT}" }
`),
  ).toEqual([
    'shop.yaml:4:3 event_streams.none.spaces: this is missing.',
    'shop.yaml:5:20 event_streams.empty.spaces: this must not be empty.',
    'shop.yaml:6:19 event_streams.text.spaces: this must be a list, not text.',
    'shop.yaml:7:40 event_streams.number.write_key: this must be text, not a number.',
    expect.stringMatching(/^shop\.yaml:8:3 event_streams\.Name: a name must begin with/),
    'shop.yaml:9:23 event_streams.unknown.spaces[0]: there is no space "mian" in this file. Did you mean "main"?',
    'shop.yaml:9:30 event_streams.unknown.name: there is no such key. There is "client_side", "enabled", "oauth_enforced", "spaces", "title", "write_key".',
    expect.stringMatching(
      /^shop\.yaml:9:36 event_streams\.unknown\.name: \$\{PORT\} is filled in only .* and in write keys/,
    ),
  ]);
  expect(
    await faultsOf(`
spaces: { main: {} }
event_streams:
  unknown: { spaces: [mian] }
  twice: { spaces: [main, main], write_key: canary-key }
  same: { spaces: [main], write_key: canary-key }
  odd: { spaces: [main], write_key: canary key }
  unset: { spaces: [main], write_key: "\${NONE}" }
`),
  ).toEqual([
    'shop.yaml:4:23 event_streams.unknown.spaces[0]: there is no space "mian" in this file. Did you mean "main"?',
    'shop.yaml:5:27 event_streams.twice.spaces[1]: the space "main" is in the list twice.',
    'shop.yaml:6:38 event_streams.same.write_key: the event stream "twice" has this write key too.',
    'shop.yaml:7:37 event_streams.odd.write_key: a write key must be 1 to 200 letters, digits, _ and -.',
    'shop.yaml:8:39 event_streams.unset.write_key: the environment variable NONE is not set.',
  ]);
});

test('what the documentation shows of spaces and event streams is a good file', async () => {
  const page = await readFile('docs/workspace-file.md', 'utf8');
  const blocks = [...page.matchAll(/```yaml\n((?:spaces|event_streams):[\s\S]*?)```/g)].map(
    (match) => match[1] as string,
  );
  const options = { fileName: 'docs', env: { BILLING_WRITE_KEY: 'k' }, baseFolder: '/', checks };
  const { spaces, eventStreams } = (await parseWorkspaceFile(blocks.join(''), options)).definitions();
  expect(spaces[0]?.settings.filters).toHaveLength(2);
  expect(eventStreams).toHaveLength(2);
});

test('the example is a good file', async () => {
  const text = await readFile('examples/shop.yaml', 'utf8');
  const { mappings, spaces, eventStreams } = await read(text, 'examples');
  expect(eventStreams).toEqual([
    {
      name: 'website',
      title: null,
      spaces: ['main'],
      clientSide: true,
      oauthEnforced: false,
      writeKey: null,
      enabled: true,
    },
  ]);
  expect(mappings.map(({ name }) => name)).toEqual(['customers-identify', 'companies-group', 'orders-track']);
  expect(spaces[0]?.settings.identifiers.slice(0, 3).map(({ type }) => type)).toEqual([
    'user_id',
    'email',
    'loyalty_id',
  ]);
});

test('schedules are read, and their faults are said', async () => {
  const scheduled = (schedule: string) =>
    small.replace('    action: sendIdentify', `    schedule: ${schedule}\n    action: sendIdentify`);
  const scheduleOf = async (schedule: string) => (await read(scheduled(schedule))).mappings[0]?.schedule;
  expect(await scheduleOf('manual')).toBeNull();
  expect(await scheduleOf('{ every: 45m }')).toEqual({ kind: 'interval', interval: '45m' });
  expect(await scheduleOf('{ days: [1], hours: [6], timezone: Europe/Oslo }')).toEqual({
    ...{ kind: 'days', days: [1], hours: [6], timezone: 'Europe/Oslo' },
  });
  expect(await scheduleOf('{ cron: "0 6 * * *" }')).toEqual({ kind: 'cron', spec: '0 6 * * *', timezone: 'UTC' });
  const faults = async (schedule: string) => (await faultsOf(scheduled(schedule))).map((line) => line.split(': ')[1]);
  expect(await faults('{ every: 5m }')).toEqual(['this must be longer than 10 minutes and shorter than 168 hours.']);
  expect(await faults('{ cron: "* * * *", timezone: Nowhere }')).toEqual([
    'this must have five fields',
    'this must be the name of a time zone, such as Europe/Oslo or UTC.',
  ]);
  for (const wrong of ['5', '{ days: [1] }', 'sometimes']) {
    const [fault, ...others] = await faultsOf(scheduled(wrong));
    expect(fault).toContain('mappings.identify.schedule: this must be manual, { every: 1h }');
    expect(others).toEqual([]);
  }
  for (const wrong of ['{ every: 5 }', '{ every: 1h, timezone: UTC }', '{ days: 1, hours: [6] }', '{ cron: [] }']) {
    const [fault, ...others] = await faultsOf(scheduled(wrong));
    expect(fault).toContain('mappings.identify.schedule');
    expect(others).toEqual([]);
  }
});

test('the documentation has every key, with a type and a default', async () => {
  const text = await readFile('docs/workspace-file.md', 'utf8');
  const chapters = new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((chapter) => [chapter.slice(0, chapter.indexOf('\n')), chapter]),
  );
  for (const key of everyKey()) {
    const [section, ...rest] = key.split('.');
    const chapter = chapters.get(section ?? '');
    expect(chapter, `a chapter ${section}`).toBeDefined();
    if (rest.length === 0) continue;
    const row = new RegExp(`^\\| \`${rest.at(-1)?.replace('[]', '')}\` \\| [^|]+ \\| [^|]+ \\| `, 'm');
    expect(row.test(chapter ?? ''), `a row for ${key}`).toBe(true);
  }
  expect(everyKey()).toContain('spaces.*.identifiers[].blocked.patterns');
  expect(everyKey()).toContain('spaces.*.filters.*.if');
  expect(everyKey()).toContain('mappings.*.schedule.timezone');
  expect(everyKey()).toContain('destinations.*.settings.segment_papi_token');
  expect(everyKey().length).toBeGreaterThan(40);
});

test('a query is looked at before any warehouse is asked, with the eyes of its engine', async () => {
  const two = small.replace('query: select 1 as id', 'query: select 1 as id; select 2');
  expect(await faultsOf(two)).toEqual(['shop.yaml:7:53 models.customers.query: duckdb takes one statement.']);
  const nowhere = await faultsOf(two.replace('source: shop, identifier', 'source: shp, identifier'));
  expect(nowhere.join()).toContain('there is no source "shp"');
  expect(nowhere.join()).not.toContain('one statement');
});

test('a query in a file is looked at too; one that is empty is one fault; every fault of the file is listed', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'workspace-'));
  try {
    await writeFile(path.join(folder, 'two.sql'), 'select 1 as id; select 2\n');
    await writeFile(path.join(folder, 'empty.sql'), '\n');
    const models = `
  customers: { source: shop, identifier: id, query_file: ./two.sql }
  nothing: { source: shop, identifier: id, query_file: ./empty.sql }
  others: { source: shop, identifier: id, query: select 1; select 2 }`;
    const text = small.replace(/\n {2}customers: .*/, models).replace('action: sendIdentify', 'action: sendIdentity');
    expect(await faultsOf(text, folder)).toEqual([
      'shop.yaml:7:58 models.customers.query_file: duckdb takes one statement.',
      `shop.yaml:8:56 models.nothing.query_file: the file ${path.join(folder, 'empty.sql')} is empty.`,
      'shop.yaml:9:50 models.others.query: duckdb takes one statement.',
      expect.stringMatching(/^shop\.yaml:16:13 mappings\.identify\.action: /),
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** With what the warehouse says of settings and queries, in place of the one rule above. */
async function allFaultsOf(text: string, baseFolder = '/base'): Promise<readonly string[]> {
  const options = { fileName: 'shop.yaml', env, baseFolder, checks: { ...checks, checkSourceSettings, checkModelSql } };
  const error = await parseWorkspaceFile(text, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) return [];
  if (!isMillraceError(error, 'workspace_invalid')) throw error;
  return error.faults.map(({ message }) => message);
}

test('a member of the wrong shape does not hide what is wrong in the others', async () => {
  const text = `
spaces:
  main:
    identifiers:
      - { type: Bad Type, colour: red }
      - { type: email, limit: 0, per: hour, blocked: { values: [7], patterns: ['(', 5] } }
      - loyalty
      - { type: email, custom: perhaps }
sources:
  crm: { engine: postgres, port: 0, url: 'postgres://u@h', colour: red, ssl: \${SSL} }
  lake: { engine: duckdb, path: ./a.duckdb, files: { a: ./a.xlsx }, threads: none, enabled: 5 }
  who: { engine: oracle, host: h, maxRows: 5 }
models:
  both: { source: lake, query: "select 'open", query_file: ./none.sql }
  none: { source: lake, identifier: '' }
  lost: { source: lak, identifier: 5, query: "select 'open" }
  free: { source: who, identifier: id, query: 'select 1 from t where a = "b' }
destinations:
  profiles: { source: lke, settings: { endpoint: moon }, enabled: 1 }
mappings:
  identify:
    destination: profiles
    model: custmers
    action: sendIdentify
    records: [new, update]
    trigger: event = new
    fields:
      engage_space: mian
      user_idd: 1
      traits: { a: { '@pth': $.a }, b: { '@case': { operator: 5 } }, d: { '@liquid': '{% if %}' } }
    skip_nulls: [7, grup_id]
    guard_percent: 101
  group:
    destination: profile
    model: both
    action: sendGrup
    fields: { engage_space: main, group_idd: 1, traits: { '@path': 5 } }
    skip_nulls: [nothing]
    enabled: 1
  track: { destination: profiles, model: both, action: sendTrack, fields: [1] }
`;
  const words = (await allFaultsOf(text)).map((fault) => fault.replace(/(?<=:) (.{44}).+/, ' $1…'));
  expect(words).toEqual([
    'spaces.main.identifiers[0].type: a type is lower-case letters, digits and _, …',
    'spaces.main.identifiers[0].colour: there is no such key. There is "blocked", "c…',
    'spaces.main.identifiers[1].limit: this must be at least 1.',
    'spaces.main.identifiers[1].per: this must be one of ever, annually, monthly,…',
    'spaces.main.identifiers[1].blocked.values[0]: this must be text, not a number.',
    'spaces.main.identifiers[1].blocked.patterns[0]: this is not a regular expression.',
    'spaces.main.identifiers[1].blocked.patterns[1]: this must be text, not a number.',
    'spaces.main.identifiers[2]: this must be a map, not text.',
    'spaces.main.identifiers[3].type: the type "email" is in the list twice.',
    'spaces.main.identifiers[3].custom: this must be true or false, not text.',
    'sources.crm.port: give either url or this.',
    'sources.crm.url: has no database.',
    'sources.crm.colour: there is no such setting.',
    'sources.crm.ssl: the environment variable SSL is not set.',
    'sources.lake.state_path: is needed beside files.',
    'sources.lake.path: give either path or files.',
    'sources.lake.files.a: cannot tell Parquet, CSV or JSON from the en…',
    'sources.lake.threads: must be a number.',
    'sources.lake.enabled: this must be true or false, not a number.',
    'sources.who.engine: this must be one of duckdb, postgres.',
    'sources.who.maxRows: there is no such key. Did you mean "max_rows…',
    'models.both.identifier: this is missing.',
    'models.both: a model has either query or query_file.',
    'models.both.query: The string that begins at 1:8 of the query h…',
    'models.both.query_file: there is no file /base/none.sql.',
    'models.none: a model has either query or query_file.',
    'models.none.identifier: this must not be empty.',
    'models.lost.source: there is no source "lak" in this file. Did y…',
    'models.lost.identifier: this must be text, not a number.',
    'models.lost.query: The string that begins at 1:8 of the query h…',
    'models.free.query: The quoted identifier that begins at 1:27 of…',
    'destinations.profiles.source: there is no source "lke" in this file. Did y…',
    'destinations.profiles.settings.endpoint: this must be one of local, north_america, eu…',
    'destinations.profiles.enabled: this must be true or false, not a number.',
    'mappings.identify.model: there is no model "custmers" in this file. T…',
    'mappings.identify.records[1]: this must be one of new, updated, deleted; p…',
    'mappings.identify.trigger: a mapping has either records or trigger.',
    'mappings.identify.trigger: The trigger `event = new` can match no row c…',
    'mappings.identify.fields.engage_space: there is no space "mian". Did you mean "main…',
    'mappings.identify.fields.user_idd: is not a field of Send Identify; its fields …',
    'mappings.identify.fields.traits.a: has an invalid directive: @pth.',
    'mappings.identify.fields.traits.b.@case.operator: should be a string but it is a number.',
    'mappings.identify.fields.traits.d.@liquid: @liquid: invalid value expression: "", line:…',
    'mappings.identify.skip_nulls[0]: this must be text, not a number.',
    'mappings.identify.skip_nulls[1]: the action has no field "grup_id". Did you m…',
    'mappings.identify.guard_percent: this must be at most 100.',
    'mappings.group.destination: there is no destination "profile" in this fi…',
    'mappings.group.action: this must be one of sendIdentify, sendGroup,…',
    'mappings.group.fields.group_idd: is not a field of any action.',
    'mappings.group.fields.traits.@path: should be a string or a mapping directive bu…',
    'mappings.group.enabled: this must be true or false, not a number.',
    'mappings.track.fields: this must be a map, not a list.',
  ]);
});

test('one fault is one line: what stands in for a faulty value is not found fault with', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'workspace-'));
  try {
    await writeFile(path.join(folder, 'empty.sql'), ' \n');
    const text = `
sources:
  unset: { engine: postgres, url: \${NO_URL} }
  parts: { engine: postgres, host: \${NO_HOST}, port: \${NO_PORT}, database: d, user: u, password: literal }
  within: { engine: postgres, url: 'postgres://u@\${NO_HOST}/d' }
  literal: { engine: postgres, url: postgres://u:literal@h/d }
  files: { engine: duckdb, files: { a: \${NO_FILE} }, state_path: \${NO_STATE} }
  odd: { engine: \${NO_ENGINE}, host: 12345678901234567890 }
models:
  missing: { source: files, identifier: id, query_file: ./none.sql }
  empty: { source: files, identifier: id, query_file: ./empty.sql }
  numbered: { source: files, identifier: id, query: 12345678901234567890 }
  variable: { source: files, identifier: \${ID}, query: select 1 as id }
destinations:
  out: { source: files }
mappings:
  a: { destination: \${OUT}, model: [missing], action: *none, fields: { engage_space: 12345678901234567890 } }
`;
    const lines = (await allFaultsOf(text, folder)).map((fault) => fault.replaceAll(folder, '.'));
    expect(lines).toEqual([
      'sources.unset.url: the environment variable NO_URL is not set.',
      'sources.parts.host: the environment variable NO_HOST is not set.',
      'sources.parts.port: the environment variable NO_PORT is not set.',
      'sources.parts.password: a secret is written out in the file. Put it into an environment variable, e.g. PARTS_PASSWORD, and write ${PARTS_PASSWORD} in its place.',
      'sources.within.url: the environment variable NO_HOST is not set.',
      'sources.literal.url: a secret is written out in the file. Put it into an environment variable, e.g. LITERAL_URL, and write ${LITERAL_URL} in its place.',
      'sources.files.files.a: the environment variable NO_FILE is not set.',
      'sources.files.state_path: the environment variable NO_STATE is not set.',
      'sources.odd.engine: the environment variable NO_ENGINE is not set.',
      'sources.odd.host: This number is too large to be kept exactly; write it in quotes.',
      'models.missing.query_file: there is no file ./none.sql.',
      'models.empty.query_file: the file ./empty.sql is empty.',
      'models.numbered.query: This number is too large to be kept exactly; write it in quotes.',
      'models.variable.identifier: ${ID} is filled in only in the settings of sources and destinations and in the channels of alerts, which are stored encrypted where they are secret, and in write keys of event streams; write $${ID} for the characters themselves.',
      'mappings.a.destination: ${OUT} is filled in only in the settings of sources and destinations and in the channels of alerts, which are stored encrypted where they are secret, and in write keys of event streams; write $${OUT} for the characters themselves.',
      'mappings.a.model: this must be text, not a list.',
      'mappings.a.action: This alias stands for nothing that was defined before it.',
      'mappings.a.fields.engage_space: This number is too large to be kept exactly; write it in quotes.',
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a section that is no map is one fault, not one for each that names something of it', async () => {
  expect(await allFaultsOf(small.replace(/sources:\n.*/, 'sources: none'))).toEqual([
    'sources: this must be a map of names, not text.',
  ]);
  expect(await allFaultsOf(small.replace(/spaces:\n.*/, 'spaces: [main]'))).toEqual([
    'spaces: this must be a map of names, not a list.',
  ]);
});

test('of a query whose engine is not known, what every engine finds is said', async () => {
  const open = small.replace('query: select 1 as id', `query: "select 'unterminated"`);
  const fault = 'models.customers.query: The string that begins at 1:8 of the query has no end.';
  expect(await allFaultsOf(open)).toEqual([fault]);
  expect(await allFaultsOf(open.replace('engine: duckdb', 'engine: duck'))).toContain(fault);
  const elsewhere = open.replace('source: shop, identifier', 'source: shp, identifier');
  expect(await allFaultsOf(elsewhere)).toContain(fault);
  // SELECT … INTO makes a table in Postgres only.
  const into = elsewhere.replace(/query: ".*"/, 'query: select 1 into x');
  expect((await allFaultsOf(into)).join()).not.toContain('INTO');
  expect(
    (await allFaultsOf(into.replace('shp', 'shop').replace('engine: duckdb', 'engine: postgres'))).join(),
  ).toContain('INTO');
});

test('the settings of a destination: every fault at once, none of them quoting a secret', async () => {
  const faulty = small
    .replace(
      '{ source: shop }\nmappings',
      '{ source: shop, settings: { endpoint: custom, segment_papi_token: "${URL_PW}", tracking_url: a.test, public_api_url: b.test, region: x } }\nmappings',
    )
    .replace('engage_space: main', 'engage_space: their-key');
  const faults = await faultsOf(faulty);
  expect(faults).toEqual([
    expect.stringContaining('settings.segment_papi_token: segment_papi_token must be a token'),
    expect.stringContaining('settings.tracking_url: tracking_url must be a URL'),
    expect.stringContaining('settings.public_api_url: public_api_url must be a URL'),
    expect.stringContaining('settings.region: there is no such key.'),
  ]);
  expect(faults.join('\n')).not.toContain(env.URL_PW);
});

test('with an endpoint that is not known, nothing is said that depends on it', async () => {
  const faulty = small.replace(
    '{ source: shop }\nmappings',
    '{ source: shop, settings: { endpoint: erope, tracking_url: a.test } }\nmappings',
  );
  expect(await faultsOf(faulty)).toEqual([
    expect.stringContaining(
      'settings.endpoint: this must be one of local, north_america, europe, custom; probably europe.',
    ),
    expect.stringContaining('settings.tracking_url: tracking_url must be a URL'),
  ]);
});

test('only a warehouse can be connected', async () => {
  const streams = `${small}event_streams:\n  website: { spaces: [main] }\n`;
  for (const [name, kind] of [
    ['website', 'an event stream'],
    ['main', 'a profile space'],
  ]) {
    const faults = await faultsOf(streams.replace('profiles: { source: shop }', `profiles: { source: ${name} }`));
    expect(faults).toContainEqual(
      expect.stringContaining(`destinations.profiles.source: "${name}" is ${kind}; only a warehouse can be connected`),
    );
  }
});

test('a destination on another server says where it is, and its spaces are not looked for here', async () => {
  const away = (settings: string) =>
    small
      .replace('{ source: shop }\nmappings', `{ source: shop, settings: ${settings} }\nmappings`)
      .replace('engage_space: main', 'engage_space: their-key');
  const definitions = await read(away('{ endpoint: custom, tracking_url: https://events.example.com/v1 }'));
  expect(definitions.destinations[0]?.settings).toEqual({
    endpoint: 'custom',
    tracking_url: 'https://events.example.com/v1',
  });
  expect(await faultsOf(away('{ endpoint: custom }'))).toEqual([
    expect.stringContaining('tracking_url (Tracking API URL) is required for the endpoint custom.'),
  ]);
  expect(await faultsOf(away('{ endpoint: custom, tracking_url: events.example.com }'))).toEqual([
    expect.stringContaining('tracking_url must be a URL such as https://events.example.com/v1'),
  ]);
  expect(await faultsOf(away('{ endpoint: local }'))).toEqual([
    expect.stringContaining('there is no space "their-key"'),
  ]);
});
