/**
 * The settings of warehouse sources, between the vendor's names and ours. In: settings as clients send them. Out: settings
 * as the warehouse takes them, and what means nothing here; and back, without secrets. Pure.
 */
import type { Fault } from '../../../base/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../base/json.ts';
import type { SslMode } from '../../../warehouse/warehouse.ts';
import { type Source, secretShown } from '../../../workspace/workspace.ts';
import { isMask } from '../masks.ts';

export interface Option {
  readonly name: string;
  readonly type: 'string' | 'password' | 'number' | 'select' | 'map' | 'array';
  readonly required: boolean;
  readonly label: string;
  readonly description?: string;
  readonly defaultValue?: Json;
  /** Ours: all that a `select` takes. */
  readonly choices?: readonly string[];
}

export interface EngineWords {
  readonly options: readonly Option[];
  /** Their name → ours. */
  readonly names: Readonly<Record<string, string>>;
}

const option = (name: string, label: string, more: Partial<Option> = {}): Option => ({
  ...{ name, type: 'string', required: false, label },
  ...more,
});
const needed = { required: true } as const;

/** Held to what the warehouse knows by its type: this room has no other way there. */
const sslModes: Readonly<Record<SslMode, true>> = {
  disable: true,
  prefer: true,
  require: true,
  'verify-ca': true,
  'verify-full': true,
};

export const engines: Readonly<Record<Source['engine'], EngineWords>> = {
  postgres: {
    options: [
      option('hostname', 'Hostname', needed),
      // Read and written as text all the same, as clients know it.
      option('port', 'Port', { ...needed, type: 'number', defaultValue: '5432' }),
      option('database', 'Database', needed),
      option('username', 'Username', needed),
      option('password', 'Password', { ...needed, type: 'password' }),
      option('sslmode', 'SSL mode', {
        type: 'select',
        description: 'Whether the connection is encrypted, and whose certificate is checked. Left empty it is prefer.',
        choices: Object.keys(sslModes),
      }),
      option('ca', 'Certificate of the authority', { description: 'PEM.' }),
      option('cert', 'Client certificate', { description: 'PEM.' }),
      option('key', 'Client key', { type: 'password', description: 'PEM.' }),
    ],
    names: {
      hostname: 'host',
      port: 'port',
      database: 'database',
      username: 'user',
      password: 'password',
      sslmode: 'ssl',
      ca: 'ca',
      cert: 'cert',
      key: 'key',
    },
  },
  duckdb: {
    options: [
      option('path', 'Database file'),
      option('files', 'Files', {
        type: 'map',
        description: 'Parquet, CSV or JSON files by the name of their table: {"orders": "/data/orders/*.parquet"}',
      }),
      option('statePath', 'State file', { description: 'Beside files: where our own tables are kept.' }),
      option('readFrom', 'Readable folders', {
        type: 'array',
        description: 'Folders whose files models may read: ["/data/shop", "/data/shared"]',
      }),
    ],
    names: { path: 'path', files: 'files', statePath: 'statePath', readFrom: 'readFrom' },
  },
};

export interface SplitSettings {
  readonly settings: JsonObject;
  readonly extraSettings: JsonObject;
}

/** The settings after a change by top-level key: null takes one away, a text with • keeps what is stored. */
export function changedSettings(
  engine: Source['engine'],
  { settings, extraSettings }: SplitSettings,
  given: JsonObject,
): SplitSettings {
  const { names } = engines[engine];
  const ours: Record<string, Json> = { ...(settings as Record<string, Json>) };
  const extra: Record<string, Json> = { ...(extraSettings as Record<string, Json>) };
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || isMask(value)) continue;
    const [into, name] = Object.hasOwn(names, key) ? [ours, names[key] as string] : [extra, key];
    if (value === null) delete into[name];
    else into[name] = name === 'port' ? portOf(value) : value;
  }
  return { settings: ours, extraSettings: extra };
}

/** Ports are texts there and numbers here. */
function portOf(value: Json): Json {
  return typeof value === 'string' && /^\d{1,5}$/.test(value.trim()) ? Number(value) : value;
}

/** What was found wrong under our names, under theirs. What is missing may come later: a sync says so then. */
export function faultsOfSettings(
  engine: Source['engine'],
  { settings }: SplitSettings,
  check: (engine: string, settings: JsonObject) => readonly Fault[],
): readonly { readonly field: string; readonly message: string }[] {
  const theirs = new Map(Object.entries(engines[engine].names).map(([name, ours]) => [ours, name]));
  return check(engine, settings).flatMap(({ where, message }) => {
    const [, first = '', rest = ''] = /^([^.[]*)(.*)$/s.exec(where) ?? [];
    // A missing one cannot be told from a wrong one by the text.
    if (settings[first] === undefined) return [];
    const field = `settings.${theirs.get(first) ?? first}${rest}`;
    return [{ field, message: `"${field}" ${message}` }];
  });
}

/** As clients see them: secrets left out. `masked` are ours with `(set)` for secrets. */
export function shownSettings(engine: Source['engine'], masked: JsonObject, extraMasked: JsonObject): JsonObject {
  const { names } = engines[engine];
  const shown: Record<string, Json> = {};
  for (const [name, ours] of Object.entries(names)) {
    const value = masked[ours];
    if (value === undefined || value === secretShown) continue;
    shown[name] = ours === 'port' ? String(value) : (value as Json);
  }
  for (const [name, value] of Object.entries(extraMasked)) {
    if (
      value !== undefined &&
      value !== secretShown &&
      !(isJsonObject(value) && Object.values(value).includes(secretShown))
    )
      shown[name] = value;
  }
  return shown;
}
