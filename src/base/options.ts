/**
 * Every option of Millrace. From this table come the environment variables, the flags of the command line with their
 * help, and `docs/configuration.md`. The environment variable is `MILLRACE_` and the name in capitals
 * (`dataFolder`: `MILLRACE_DATA_FOLDER`) unless given; the flag is the name with hyphens (`--data-folder`).
 */
import { logLevels } from './log.ts';

interface Common {
  /** One sentence, for help and docs. */
  readonly sentence: string;
  readonly group: string;
  readonly env?: string;
}
export interface TextOption extends Common {
  readonly type: 'text';
  /** Undefined: nothing unless set. */
  readonly default: string | undefined;
  /** What stands for the value in help, e.g. `FOLDER`. */
  readonly value: string;
  readonly form: RegExp;
  /** The form in words, for the fault. */
  readonly formInWords: string;
  /** Its value is never shown, and no flag takes it: flags can be read by every user of the machine. */
  readonly secret?: boolean;
}
export interface NumberOption extends Common {
  readonly type: 'integer' | 'bytes' | 'duration';
  /** Bytes of `bytes`, milliseconds of `duration`. */
  readonly default: number;
  readonly min: number;
  readonly max: number;
}
export interface ChoiceOption extends Common {
  readonly type: 'choice';
  readonly default: string;
  readonly choices: readonly string[];
}
export type OptionEntry = TextOption | NumberOption | ChoiceOption;

const KiB = 1024;
const GiB = 2 ** 30;
const second = 1000;
const hour = 3600 * second;

const httpUrl = {
  form: /^https?:\/\/[^\s/?#@]+(\/[^\s?#@]*)?$/,
  formInWords: 'a URL such as https://events.example.com/v1, without user, query and fragment',
} as const;
const anything = { form: /^[\s\S]+$/, formInWords: 'some text' } as const;

export const options = {
  dataFolder: {
    type: 'text',
    group: 'Storage',
    default: '.millrace',
    value: 'FOLDER',
    ...anything,
    sentence: 'Folder of the embedded Postgres, of the generated secret key, and of sample data.',
  },
  databaseUrl: {
    type: 'text',
    group: 'Storage',
    env: 'DATABASE_URL',
    default: undefined,
    value: 'URL',
    form: /^postgres(ql)?:\/\/\S+$/,
    formInWords: 'a URL such as postgres://user:password@host:5432/database',
    secret: true,
    sentence:
      'A Postgres of your own, version 15 or newer; without it, the embedded server in the data folder is used.',
  },
  poolSize: {
    type: 'integer',
    group: 'Storage',
    default: 10,
    min: 2,
    max: 1000,
    sentence: 'Connections to Postgres that this process opens at most, beside one for each running sync or plan.',
  },
  secretKey: {
    type: 'text',
    group: 'Storage',
    default: undefined,
    value: 'KEY',
    form: /^([0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=?)$/,
    formInWords: '32 bytes as 64 hex digits or as base64',
    secret: true,
    sentence:
      'Key that encrypts stored secrets; without it, the file secret.key of the data folder, made on first use.',
  },
  host: {
    type: 'text',
    group: 'Server',
    default: '127.0.0.1',
    value: 'ADDRESS',
    form: /^[A-Za-z0-9.:_-]+$/,
    formInWords: 'a host name or an IP address',
    sentence: 'Address to listen on; 0.0.0.0 for every interface.',
  },
  port: {
    type: 'integer',
    group: 'Server',
    default: 8765,
    min: 0,
    max: 65_535,
    sentence: 'Port to listen on; 0 takes a free one.',
  },
  publicApiPort: {
    type: 'integer',
    group: 'Server',
    default: 0,
    min: 0,
    max: 65_535,
    sentence: 'A further port with the Public API at its root, as the host of the vendor has it; 0 for none.',
  },
  publicApiRate: {
    type: 'integer',
    group: 'Server',
    default: 60_000,
    min: 0,
    max: 100_000_000,
    sentence: 'Requests per minute that the Public API takes of one token, sender and endpoint; 0 for no limit.',
  },
  publicApiLimits: {
    type: 'choice',
    group: 'Server',
    default: 'own',
    choices: ['own', 'vendor'],
    sentence: 'Whether endpoints of the Public API have the smaller limits that some of them have at the vendor.',
  },
  publicUrl: {
    type: 'text',
    group: 'Server',
    default: undefined,
    value: 'URL',
    form: /^https?:\/\/[A-Za-z0-9.:_[\]-]+\/?$/,
    formInWords: 'a URL without a path, such as https://events.example.com',
    sentence:
      'Where this server is reached: whom OAuth assertions are for (else the host of their request), and links of notices.',
  },
  trustedProxies: {
    type: 'text',
    group: 'Server',
    default: undefined,
    value: 'ADDRESSES',
    form: /^[0-9A-Fa-f.:]+(\/\d{1,3})?(,[0-9A-Fa-f.:]+(\/\d{1,3})?)*$/,
    formInWords: 'IP addresses or networks with commas between, such as 10.0.0.5,192.168.0.0/16',
    sentence:
      'Proxies in front of this server whose X-Forwarded-For, -Host and -Proto headers are believed; without it, none.',
  },
  sessionIdleDays: {
    type: 'integer',
    group: 'Server',
    default: 7,
    min: 1,
    max: 365,
    sentence: 'Days without a request after which a person must sign in to the web app again.',
  },
  sessionDays: {
    type: 'integer',
    group: 'Server',
    default: 30,
    min: 1,
    max: 3650,
    sentence: 'Days after which a person must sign in to the web app again in any case.',
  },
  logLevel: {
    type: 'choice',
    group: 'Server',
    default: 'info',
    choices: logLevels,
    sentence: 'The least severe entries that are written to the log.',
  },
  logFormat: {
    type: 'choice',
    group: 'Server',
    default: 'auto',
    choices: ['auto', 'json', 'pretty'],
    sentence: 'JSON lines or readable ones; auto is readable on a terminal.',
  },
  profileApiRate: {
    type: 'integer',
    group: 'Server',
    default: 100,
    min: 0,
    max: 1_000_000,
    sentence: 'Requests per second that the Profile API answers for one space; 0 for no limit.',
  },
  sourceFolders: {
    type: 'text',
    group: 'Server',
    default: undefined,
    value: 'FOLDERS',
    ...anything,
    sentence: 'Folders, colons between them, that DuckDB sources made over the Public API may read; default: none.',
  },
  trackingApiRate: {
    type: 'integer',
    group: 'Server',
    default: 1000,
    min: 0,
    max: 1_000_000,
    sentence: 'Requests per second that the Tracking API takes; 0 for no limit.',
  },
  trackingWaiting: {
    type: 'bytes',
    group: 'Server',
    default: 64 * KiB * KiB,
    min: KiB * KiB,
    max: 64 * GiB,
    sentence: 'Memory for messages that wait to be written; past it, senders are asked to come again.',
  },
  oversizedItems: {
    type: 'choice',
    group: 'Server',
    default: 'discard',
    choices: ['discard', 'refuse'],
    sentence: 'A message over 32 KB in a batch: leave it out, or refuse the batch with 400.',
  },
  unknownWriteKeys: {
    type: 'choice',
    group: 'Server',
    default: 'discard',
    choices: ['discard', 'refuse'],
    sentence: 'Messages with a write key that nobody has: discard them with 200, or refuse them with 401.',
  },
  eventDays: {
    type: 'integer',
    group: 'Server',
    default: 1095,
    min: 15,
    max: 36_500,
    sentence: 'Days that events of profiles are kept, by their arrival.',
  },
  smtpUrl: {
    type: 'text',
    group: 'Alerts',
    default: undefined,
    value: 'URL',
    form: /^smtps?:\/\/\S+$/,
    formInWords: 'a URL such as smtp://user:password@host:587 or smtps://user:password@host',
    secret: true,
    sentence: 'Mail server that alerts by e-mail go through; without it they cannot be sent.',
  },
  smtpFrom: {
    type: 'text',
    group: 'Alerts',
    default: 'millrace@localhost',
    value: 'ADDRESS',
    form: /^[^\s<>,;:"()]+@[^\s<>,;:"()@]+$/,
    formInWords: 'an e-mail address',
    sentence: 'Address that alerts by e-mail come from.',
  },
  noticeDays: {
    type: 'integer',
    group: 'Alerts',
    default: 90,
    min: 1,
    max: 3650,
    sentence: 'Days that notices of alerts are kept.',
  },
  batchSize: {
    type: 'integer',
    group: 'Syncs',
    default: 1500,
    min: 1,
    max: 50_000,
    sentence: 'Rows of a sync that are mapped, delivered and committed together.',
  },
  syncsAtOnce: {
    type: 'integer',
    group: 'Syncs',
    default: 2,
    min: 0,
    max: 64,
    sentence: 'Requested and scheduled syncs that this server runs at the same time; 0 leaves them to other servers.',
  },
  syncProcess: {
    type: 'choice',
    group: 'Syncs',
    default: 'own',
    choices: ['own', 'same'],
    sentence:
      'Where a server runs a sync: in a process of its own, so that the APIs stay quick, or in the same as the APIs.',
  },
  shortestInterval: {
    type: 'duration',
    group: 'Syncs',
    default: 600 * second,
    min: second,
    max: 167 * hour,
    sentence: 'Two runs of a schedule must be further apart than this.',
  },
  historyDays: {
    type: 'integer',
    group: 'Syncs',
    default: 30,
    min: 1,
    max: 3650,
    sentence: 'Days that the history of a sync and its failed rows are kept.',
  },
  retryDays: {
    type: 'integer',
    group: 'Syncs',
    default: 14,
    min: 1,
    max: 365,
    sentence: 'Days after its first failure that a row is given up until it changes.',
  },
  retrySyncs: {
    type: 'integer',
    group: 'Syncs',
    default: 5,
    min: 1,
    max: 1000,
    sentence: 'Syncs after which a row that failed in all of them is given up until it changes.',
  },
  trackingUrlNorthAmerica: {
    type: 'text',
    group: 'Delivery',
    default: undefined,
    value: 'URL',
    ...httpUrl,
    sentence: 'Tracking API of the endpoint north_america, instead of https://api.segment.io/v1.',
  },
  trackingUrlEurope: {
    type: 'text',
    group: 'Delivery',
    default: undefined,
    value: 'URL',
    ...httpUrl,
    sentence: 'Tracking API of the endpoint europe, instead of https://events.eu1.segmentapis.com/v1.',
  },
  publicApiUrlNorthAmerica: {
    type: 'text',
    group: 'Delivery',
    default: undefined,
    value: 'URL',
    ...httpUrl,
    sentence: 'Public API of the endpoint north_america, instead of https://api.segmentapis.com.',
  },
  publicApiUrlEurope: {
    type: 'text',
    group: 'Delivery',
    default: undefined,
    value: 'URL',
    ...httpUrl,
    sentence: 'Public API of the endpoint europe, instead of https://eu1.api.segmentapis.com.',
  },
  deliveryRate: {
    type: 'integer',
    group: 'Delivery',
    default: 1000,
    min: 0,
    max: 1_000_000,
    sentence: 'Requests per second to one destination over HTTP, shared by all syncs of it that run; 0 for no limit.',
  },
  deliveryConnections: {
    type: 'integer',
    group: 'Delivery',
    default: 8,
    min: 1,
    max: 256,
    sentence: 'Connections that a sync opens to an endpoint over HTTP, each with one request at a time.',
  },
  deliveryTimeout: {
    type: 'duration',
    group: 'Delivery',
    default: 30 * second,
    min: second,
    max: hour,
    sentence: 'Time for one request over HTTP, from connecting to the end of its answer; then it is tried again.',
  },
  stateSchema: {
    type: 'text',
    group: 'Warehouses',
    default: 'millrace',
    value: 'NAME',
    form: /^[a-z_][a-z0-9_]{0,62}$/,
    formInWords: 'a lower-case name of letters, digits and underscores, 63 characters at most',
    sentence: 'Schema in each warehouse that keeps what was delivered last.',
  },
  statementTimeout: {
    type: 'duration',
    group: 'Warehouses',
    default: hour,
    min: second,
    max: 72 * hour,
    sentence: 'Time after which a statement in a warehouse is given up.',
  },
  duckdbMemory: {
    type: 'bytes',
    group: 'Warehouses',
    default: GiB,
    min: 64 * KiB * KiB,
    max: 1024 * GiB,
    sentence: 'Memory that DuckDB may use; beyond it, it works on disk.',
  },
  duckdbThreads: {
    type: 'integer',
    group: 'Warehouses',
    default: 0,
    min: 0,
    max: 1024,
    sentence: 'Threads that DuckDB may use; 0 takes one per processor.',
  },
  queryLength: {
    type: 'integer',
    group: 'Model limits',
    default: 65_535,
    min: 1,
    max: 10_000_000,
    sentence: "Characters of a model's query.",
  },
  identifierNameLength: {
    type: 'integer',
    group: 'Model limits',
    default: 191,
    min: 1,
    max: 10_000,
    sentence: 'Characters of the name of the identifier column.',
  },
  columnCount: {
    type: 'integer',
    group: 'Model limits',
    default: 512,
    min: 1,
    max: 1600,
    sentence: 'Columns of a model; one with more is refused.',
  },
  columnNameLength: {
    type: 'integer',
    group: 'Model limits',
    default: 128,
    min: 1,
    max: 10_000,
    sentence: 'Characters of the name of a column.',
  },
  recordBytes: {
    type: 'bytes',
    group: 'Model limits',
    default: 512 * KiB,
    min: KiB,
    max: 64 * KiB * KiB,
    sentence: 'Size of one row as JSON; a larger row is refused.',
  },
  valueBytes: {
    type: 'bytes',
    group: 'Model limits',
    default: 128 * KiB,
    min: KiB,
    max: 64 * KiB * KiB,
    sentence: 'Size of one value; a row with a larger one is refused.',
  },
  recordsPerSync: {
    type: 'integer',
    group: 'Model limits',
    default: 150_000_000,
    min: 1,
    max: 10_000_000_000,
    sentence: 'Changed rows that one sync takes, besides those that failed before; the rest waits for the next.',
  },
} as const satisfies Record<string, OptionEntry>;

export type OptionName = keyof typeof options;

type ValueOf<E extends OptionEntry> = E extends NumberOption
  ? number
  : E extends { choices: readonly (infer C)[] }
    ? C
    : E extends { default: undefined }
      ? string | undefined
      : string;

/** Every option with its value. Bytes are bytes, durations milliseconds. */
export type Config = { readonly [K in OptionName]: ValueOf<(typeof options)[K]> };

export const optionNames = Object.keys(options) as readonly OptionName[];

export function optionOf(name: OptionName): OptionEntry {
  return options[name];
}

/** `dataFolder`: `MILLRACE_DATA_FOLDER`. */
export function variableOf(name: OptionName): string {
  return optionOf(name).env ?? `MILLRACE_${withHyphens(name).replaceAll('-', '_').toUpperCase()}`;
}

/** `dataFolder`: `--data-folder`; undefined for secrets, which no flag takes. */
export function flagOf(name: OptionName): string | undefined {
  const entry = optionOf(name);
  return entry.type === 'text' && entry.secret === true ? undefined : `--${withHyphens(name)}`;
}

function withHyphens(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}
