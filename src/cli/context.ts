/**
 * What commands share: the configuration, the log, the database and what is built on them. Everything is opened when it
 * is first asked for, and closed by `close`, in the opposite order.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import { type Config, type Environment, type Flags, loadConfig, type OptionName } from '../base/config.ts';
import type { MillraceError } from '../base/errors.ts';
import { createLog, type Log, type LogLevel } from '../base/log.ts';
import { variableOf } from '../base/options.ts';
import { type Database, openDatabase } from '../db/db.ts';
import { createRates } from '../delivery/delivery.ts';
import { regionUrls } from '../destination/destination.ts';
import { createInlet, createLiveFeed, createSpaceWriter, type Inlet } from '../space/space.ts';
import type { SyncContext } from '../sync/sync.ts';
import { openWarehouse, type Warehouse } from '../warehouse/warehouse.ts';
import { countCalls, createUsage, openSecrets, type Source, type WorkspaceStore } from '../workspace/workspace.ts';
import { withDefaults } from './engine-settings.ts';
import type { Interrupts } from './interrupts.ts';
import type { Output } from './output.ts';

export interface CliContext {
  readonly env: Environment;
  /** Options of the command line, for a process that is to have the same. */
  readonly flags: Flags;
  /** Error `config_invalid` when it is first read. */
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly output: Output;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly interrupt: () => void;
  /** What Ctrl-C means from now until the answer is disposed of: see `Interrupts.meaning`. */
  readonly interruptMeaning: (reason: MillraceError) => Disposable;
  database(): Promise<Database>;
  store(): Promise<WorkspaceStore>;
  sync(): Promise<SyncContext>;
  /** The way in for event streams. */
  inlet(): Promise<Inlet>;
  openWarehouse(source: Pick<Source, 'engine' | 'settings'>): Promise<Warehouse>;
}

export interface ContextOptions {
  readonly env: Environment;
  readonly flags: Flags;
  readonly output: Output;
  readonly interrupts: Interrupts;
  /** The log of a server is written as configured; that of other commands only warns unless a level was given. */
  readonly keepsLog: boolean;
}

export interface OpenContext extends CliContext, AsyncDisposable {
  /** Why a command failed, if it was that its database was lost: see `Database.explain`. */
  explain(error: unknown): Promise<unknown>;
}

export function openContext(options: ContextOptions): OpenContext {
  const { env, flags, output, interrupts } = options;
  const closing: (() => Promise<void>)[] = [];
  const config = once(() => loadConfig(env, flags));
  const given = (name: OptionName) => flags[name] !== undefined || (env[variableOf(name)] ?? '') !== '';
  const quiet = !options.keepsLog && !given('logLevel');
  const log = once(() => createLog({ level: quiet ? 'warn' : config().logLevel, pretty: isPretty(config(), output) }));

  let opened: Promise<Database> | undefined;
  const database = once(() => {
    const { databaseUrl: url, dataFolder, poolSize } = config();
    const opening = openDatabase({ url, dataFolder, poolSize, log: log() });
    closing.push(async () => (await opening.catch(() => undefined))?.close());
    opened = opening;
    return opening;
  });
  const store = once(async () => {
    const { secretKey: key, dataFolder } = config();
    return { db: (await database()).pool, secrets: await openSecrets({ key, dataFolder }) };
  });
  const open: CliContext['openWarehouse'] = (source) =>
    openWarehouse(source.engine, withDefaults(source, config()), { stateSchema: config().stateSchema });
  const writer = once(async () => {
    const db = await database();
    const feed = createLiveFeed({ db, log: log() });
    closing.push(async () => feed[Symbol.asyncDispose]());
    const made = createSpaceWriter({ db, onWritten: feed.show.bind(feed), log: log() });
    closing.push(async () => made[Symbol.asyncDispose]());
    return made;
  });
  const inlet = once(async () => {
    const usage = createUsage({ clock: systemClock });
    const made = createInlet({
      writer: await writer(),
      maxWaitingBytes: config().trackingWaiting,
      onTaken: (tx, space, messages, outcomes) => countCalls(usage, tx, space, messages, outcomes),
    });
    closing.push(async () => made[Symbol.asyncDispose]());
    return made;
  });
  const sync = once(async (): Promise<SyncContext> => {
    const db = await database();
    // A failed sync is reported in full; its log entry would say it twice.
    const own = quiet ? log().child({}, { level: 'silent' satisfies LogLevel }) : log();
    return {
      db,
      log: own,
      clock: systemClock,
      writer: await writer(),
      openWarehouse: open,
      settings: syncSettings(config()),
      delivery: deliveryOptions(config()),
    };
  });
  return {
    env,
    flags,
    get config() {
      return config();
    },
    get log() {
      return log();
    },
    clock: systemClock,
    output,
    signal: interrupts.signal,
    interrupt: interrupts.interrupt,
    interruptMeaning: interrupts.meaning,
    database,
    store,
    sync,
    inlet,
    openWarehouse: open,
    async explain(error) {
      const db = await opened?.catch(() => undefined);
      return db === undefined ? error : db.explain(error);
    },
    async [Symbol.asyncDispose]() {
      for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close();
    },
  };
}

function isPretty({ logFormat }: Config, { stderr }: Output): boolean {
  return logFormat === 'pretty' || (logFormat === 'auto' && stderr.isTTY === true);
}

function syncSettings(config: Config): NonNullable<SyncContext['settings']> {
  const { batchSize, historyDays, retryDays, retrySyncs, recordBytes, valueBytes, recordsPerSync } = config;
  const modelLimits = {
    queryCharacters: config.queryLength,
    identifierCharacters: config.identifierNameLength,
    columns: config.columnCount,
    columnCharacters: config.columnNameLength,
  };
  return { batchSize, historyDays, retryDays, retrySyncs, recordBytes, valueBytes, recordsPerSync, modelLimits };
}

function deliveryOptions(config: Config): NonNullable<SyncContext['delivery']> {
  const { deliveryRate, deliveryConnections: connections, deliveryTimeout: timeoutMs } = config;
  return {
    rateOf: createRates(deliveryRate),
    trackingUrls: regionUrls(config).tracking,
    http: { connections, timeoutMs },
  };
}

/** The same result for every call; made by the first. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
