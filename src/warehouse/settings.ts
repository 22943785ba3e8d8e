/** Connection settings of each engine: their shape, and the faults of what somebody gave, all of them at once. */
import { z } from 'zod';
import { type Fault, isMillraceError, MillraceError } from '../base/errors.ts';
import { issueWords, valueAt } from '../base/issue-words.ts';

const text = z.string().min(1);

const duckdbShape = z.strictObject({
  /** A database file. */
  path: text.optional(),
  /** Views over Parquet, CSV and JSON files: name → path or glob, or several. */
  files: z
    .record(text, z.union([text, z.array(text).min(1)], { error: 'must be a file, or a list of files' }))
    .optional(),
  /** With `files`: the database file of our own tables, made when it is missing. */
  statePath: text.optional(),
  /** E.g. `2GB`. DuckDB's own default is 80 % of the machine's memory. */
  memoryLimit: z
    .string()
    .regex(/^\d+(\.\d+)?\s?(KB|MB|GB|TB|KiB|MiB|GiB|TiB|%)$/i, 'must be a size, such as 2GB')
    .optional(),
  threads: z.int().min(1).max(1024).optional(),
  /** Where intermediate results go that do not fit into memory. */
  tempDirectory: text.optional(),
  /** Folders whose files models and the views of the database may read. */
  readFrom: z.array(text).optional(),
});

/** What has a form that not everybody knows, said with an example. */
const meant: Readonly<Record<string, string>> = {
  files: 'must be names with a file each, such as {"orders": "/data/orders.parquet"}',
  readFrom: 'must be a list of folders, such as ["/data/shop"]',
};

/** What settings mean together. Beside the shape, not in it: that would not look further once something else is wrong. */
function duckdbRelations(settings: unknown): readonly Fault[] {
  if (!isMap(settings)) return [];
  const { path, files, statePath } = settings;
  const faults: Fault[] = [];
  const say = (where: string, message: string) => faults.push({ where, message });
  if ((path === undefined) === (files === undefined)) say('path', 'give either path or files');
  if (files !== undefined && statePath === undefined) say('statePath', 'is needed beside files');
  if (files === undefined && statePath !== undefined) say('statePath', 'goes with files only');
  for (const [name, given] of Object.entries(isMap(files) ? files : {})) {
    for (const file of [given].flat()) {
      if (typeof file !== 'string' || file === '' || readerOf(file) !== null) continue;
      say(`files.${name}`, `cannot tell Parquet, CSV or JSON from the ending of ${file}`);
    }
  }
  return faults;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export type DuckdbSettings = z.infer<typeof duckdbShape>;

/** DuckDB's function that reads a file, by its ending. */
export function readerOf(file: string): 'read_parquet' | 'read_csv' | 'read_json' | null {
  const name = file.toLowerCase().replace(/\.(gz|zst)$/, '');
  if (/\.(parquet|pq)$/.test(name)) return 'read_parquet';
  if (/\.(csv|tsv|txt)$/.test(name)) return 'read_csv';
  return /\.(json|jsonl|ndjson)$/.test(name) ? 'read_json' : null;
}

const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

const common = {
  ssl: z.enum(sslModes).optional(),
  /** PEM texts: the authority that signed the server's certificate, and our own certificate and key. */
  ca: text.optional(),
  cert: text.optional(),
  key: text.optional(),
  statementTimeoutSeconds: z.number().positive().max(2_000_000).optional(),
  connectTimeoutSeconds: z.number().positive().max(3600).optional(),
};

const urlShape = z.strictObject({ url: text, ...common });

const parts = {
  host: text,
  port: z.int().min(1).max(65_535).optional(),
  database: text,
  user: text,
  password: z.string().optional(),
};
const partsShape = z.strictObject({ ...parts, ...common });

export interface PostgresSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly ssl: SslMode;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly statementTimeoutSeconds: number;
  readonly connectTimeoutSeconds: number;
}

export function duckdbSettings(settings: unknown): DuckdbSettings {
  return parsed(duckdbShape, settings, duckdbRelations);
}

export function postgresSettings(settings: unknown): PostgresSettings {
  const hasUrl = typeof settings === 'object' && settings !== null && 'url' in settings;
  const given = hasUrl ? parsed(urlShape, settings, urlFaults, parts) : parsed(partsShape, settings);
  const place = 'url' in given ? fromUrl(given.url) : given;
  return {
    host: place.host,
    port: place.port ?? 5432,
    database: place.database,
    user: place.user,
    password: place.password ?? '',
    ssl: given.ssl ?? ('ssl' in place && place.ssl !== undefined ? place.ssl : 'prefer'),
    ca: given.ca,
    cert: given.cert,
    key: given.key,
    statementTimeoutSeconds: given.statementTimeoutSeconds ?? 0,
    connectTimeoutSeconds: given.connectTimeoutSeconds ?? 15,
  };
}

/** @param replaced keys that another one stands for: `host` beside `url` */
function parsed<T>(
  shape: z.ZodType<T>,
  settings: unknown,
  further: (settings: unknown) => readonly Fault[] = () => [],
  replaced: object = {},
): T {
  const result = shape.safeParse(settings);
  const issues = result.success ? [] : result.error.issues;
  const all = [...issues.flatMap((issue) => faultsOf(issue, settings, replaced)), ...further(settings)];
  if (result.success && all.length === 0) return result.data;
  refuse(all);
}

/** Of unknown keys one each, where they are. */
function faultsOf(issue: z.core.$ZodIssue, settings: unknown, replaced: object): readonly Fault[] {
  if (issue.code !== 'unrecognized_keys') {
    const where = issue.path.join('.') || 'settings';
    const given = valueAt(settings, issue.path);
    const known = given !== undefined && issue.code === 'invalid_type' ? meant[where] : undefined;
    return [{ where, message: known ?? issueWords(issue, given) }];
  }
  return issue.keys.map((key) => {
    const message = Object.hasOwn(replaced, key) ? 'give either url or this' : 'there is no such setting';
    return { where: [...issue.path, key].join('.'), message };
  });
}

function refuse(faults: readonly Fault[]): never {
  const list = faults.map((fault) => `${fault.where}: ${fault.message}`).join('; ');
  throw new MillraceError('warehouse_settings_invalid', `The connection settings have faults: ${list}.`, { faults });
}

interface Place {
  readonly host: string;
  readonly port?: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  readonly ssl?: SslMode;
}

/** The parts of `postgres://user:password@host:5432/database?sslmode=require`. The text never enters an error. */
function fromUrl(url: string): Place {
  if (!/^postgres(ql)?:/.test(url) || !URL.canParse(url)) {
    refuse([{ where: 'url', message: 'must look like postgres://user:password@host:5432/database' }]);
  }
  const read = new URL(url);
  const faults: Fault[] = [];
  const say = (message: string) => faults.push({ where: 'url', message });
  const mode = read.searchParams.get('sslmode') ?? undefined;
  const ssl = sslModes.find((known) => known === mode);
  if (mode !== undefined && ssl === undefined) say(`sslmode must be one of ${sslModes.join(', ')}`);
  if (read.hostname === '') say('has no host');
  if (read.username === '') say('has no user');
  if (read.pathname.length < 2) say('has no database');
  if (faults.length > 0) refuse(faults);
  return {
    host: decoded(read.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: read.port === '' ? undefined : Number(read.port),
    database: decoded(read.pathname.slice(1)),
    user: decoded(read.username),
    password: decoded(read.password),
    ssl,
  };
}

/** The faults of the URL among settings that may have others. */
function urlFaults(settings: unknown): readonly Fault[] {
  const url = isMap(settings) ? settings.url : undefined;
  if (typeof url !== 'string' || url === '') return [];
  try {
    fromUrl(url);
    return [];
  } catch (error) {
    if (isMillraceError(error)) return error.faults;
    throw error;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    refuse([{ where: 'url', message: 'has a % that is not followed by two hex digits; write %25 for a percent sign' }]);
  }
}

/** The faults of an engine's settings, before anything is opened; `where` is the path in the settings. */
export function checkSourceSettings(engine: string, settings: unknown): readonly Fault[] {
  try {
    if (engine === 'duckdb') duckdbSettings(settings);
    if (engine === 'postgres') postgresSettings(settings);
    return [];
  } catch (error) {
    if (isMillraceError(error, 'warehouse_settings_invalid')) return error.faults;
    throw error;
  }
}
