/** `start`: serves the APIs until it is told to stop. */
import { startAlerts } from '../alerts/alerts.ts';
import { startComputations } from '../audience/audience.ts';
import type { JsonObject } from '../base/json.ts';
import { listProfileSpaces, regionUrls, segmentProfiles, testConnection } from '../destination/destination.ts';
import { startRegulationWorker } from '../privacy/privacy.ts';
import { createSpaceReader, deleteIdentifier, watchSpace } from '../space/space.ts';
import { excludeSyncs, forgetMapping, type PlanOptions, planSync } from '../sync/sync.ts';
import {
  createDiscardLog,
  createPasswords,
  type DiscardLog,
  findOauthGrant,
  findSigningKey,
  findSpace,
  findStreamByWriteKey,
  issueOauthToken,
  listSpaces,
  makeFirstLink,
  type ResolvedMapping,
  verifyToken,
  verifyWorkspaceToken,
} from '../workspace/workspace.ts';
import { alertContext } from './alert.ts';
import { hasProfiles } from './apply.ts';
import type { Command } from './command.ts';
import type { CliContext } from './context.ts';
import { aborted } from './interrupts.ts';
import { linkAddress } from './person.ts';
import { keepSyncing } from './start-syncs.ts';
import { planInOwnProcess } from './sync-process.ts';
import { paragraphs } from './text.ts';
import { keepTidy } from './upkeep.ts';
import { programVersion } from './version.ts';
import { configuredChecks } from './workspace-checks.ts';

export const startCommand: Command = {
  name: 'start',
  description: 'Serve the web app, the Tracking API, the Profile API and the Public API until Ctrl-C.',
  arguments: [],
  options: [],
  examples: ['millrace start', 'millrace start --host 0.0.0.0 --port 8080'],
  cancellable: true,
  keepsLog: true,
  async run(context) {
    // A taken port or a bad address are said before the database is started.
    const { serve } = await import('../api/server.ts');
    const { host, port, publicApiPort } = context.config;
    const db = await context.database();
    const { pool, describe } = db;
    context.signal.throwIfAborted();
    await using discards = createDiscardLog({ db: pool, clock: context.clock, log: context.log });
    await using _upkeep = keepTidy(context, db);
    await using _regulations = startRegulationWorker({ db, log: context.log, clock: context.clock, everyMs: 5_000 });
    await using _computations = startComputations({ db, log: context.log, clock: context.clock });
    await using _alerts = startAlerts(await alerting(context));
    await using _syncs = await keepSyncing(context, db);
    await using serving = await serve(await api(context, discards), { host, port });
    await using own = publicApiPort === 0 ? null : await serve(await ownApi(context), { host, port: publicApiPort });
    const spaces = (await listSpaces(pool)).map(({ name }) => name);
    const { url } = serving;
    const publicApiUrl = own?.url ?? null;
    const first = await makeFirstLink(db, context.clock.now());
    const firstLink = first && linkAddress(context.config, first.secret, url);
    context.output.finish({
      document: { url, port: serving.port, publicApiUrl, pid: process.pid, database: describe, spaces, firstLink },
      text: startText({ url, publicApiUrl, database: describe, spaces, firstLink }),
    });
    context.log.info({ url, publicApiUrl }, 'listening');
    await aborted(context.signal);
    await Promise.all([serving.close(), own?.close()]);
    context.log.info('stopped');
    return null;
  },
};

/** Alerts are looked for every two seconds. */
async function alerting(context: CliContext) {
  return { ...(await alertContext(context)), everyMs: 2_000, keepDays: context.config.noticeDays };
}

/** Without `discards` there is no Tracking API. */
export async function api(context: CliContext, discards?: DiscardLog) {
  const { buildApi } = await import('../api/api.ts');
  const db = await context.database();
  const { pool } = db;
  return buildApi({
    reader: createSpaceReader({ db }),
    watch: (spaceNo, onItem) => watchSpace({ db }, spaceNo, onItem),
    deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
    verifyToken: (secret) => verifyToken(pool, secret),
    findSpace: (idOrName) => findSpace(pool, idOrName),
    log: context.log,
    clock: context.clock,
    limits: { profileRequestsPerSecond: context.config.profileApiRate },
    ...(discards !== undefined && { tracking: await tracking(context, discards) }),
    oauth: {
      findKey: (keyId) => findSigningKey(pool, keyId),
      issueToken: (request) => issueOauthToken(pool, request),
      findGrant: (secret) => findOauthGrant(pool, secret),
      publicUrl: context.config.publicUrl,
    },
    publicApi: await publicApi(context),
    app: {
      db,
      passwords: createPasswords(),
      lives: { idleDays: context.config.sessionIdleDays, longestDays: context.config.sessionDays },
      publicUrl: context.config.publicUrl,
    },
    trustProxy: context.config.trustedProxies?.split(',') ?? false,
    ready: async () => (await pool.query('SELECT 1')).rowCount === 1,
    version: await programVersion(),
  });
}

/** The Public API on a port of its own. */
async function ownApi(context: CliContext) {
  const { buildPublicApi } = await import('../api/api.ts');
  const { log, clock } = context;
  const reader = createSpaceReader({ db: await context.database() });
  return buildPublicApi({ reader, log, clock, publicApi: await publicApi(context) });
}

async function publicApi(context: CliContext) {
  const db = await context.database();
  const { secrets } = await context.store();
  const sync = await context.sync();
  const reader = createSpaceReader({ db });
  const { sourceFolders, publicApiRate, publicApiLimits, syncProcess } = context.config;
  const publicApiUrls = regionUrls(context.config).publicApi;
  return {
    db,
    secrets,
    verifyWorkspaceToken: (secret: string) => verifyWorkspaceToken(db.pool, secret),
    checks: configuredChecks(context.config),
    destination: segmentProfiles,
    spaceHasProfiles: (_: unknown, spaceNo: number) => hasProfiles(reader, spaceNo),
    excludeSyncs,
    forgetMapping: (mapping: ResolvedMapping) => forgetMapping(sync, mapping),
    planMapping: (mapping: ResolvedMapping, options: PlanOptions) =>
      syncProcess === 'own' ? planInOwnProcess(context, mapping, options) : planSync(sync, mapping, options),
    sync,
    region: {
      testConnection: (settings: JsonObject) => testConnection(settings, { publicApiUrls }),
      profileSpaces: (settings: JsonObject, mayConnect: (spaceId: string) => boolean) =>
        listProfileSpaces(settings, { publicApiUrls, mayConnect, localSpaces: () => listSpaces(db.pool) }),
    },
    mail: (await alertContext(context)).mail,
    rates: { perMinute: publicApiRate, asVendor: publicApiLimits === 'vendor' },
    fileFolders: sourceFolders === undefined ? [] : sourceFolders.split(':').filter((folder) => folder !== ''),
  };
}

async function tracking(context: CliContext, discards: DiscardLog) {
  const { pool } = await context.database();
  const { config } = context;
  return {
    findStream: (writeKey: string) => findStreamByWriteKey(pool, writeKey),
    inlet: await context.inlet(),
    discards,
    requestsPerSecond: config.trackingApiRate,
    strictItemSize: config.oversizedItems === 'refuse',
    rejectUnknownWriteKey: config.unknownWriteKeys === 'refuse',
  };
}

interface Started {
  readonly url: string;
  readonly publicApiUrl: string | null;
  readonly database: string;
  readonly spaces: readonly string[];
  readonly firstLink: string | null;
}

function startText({ url, publicApiUrl, database, spaces, firstLink }: Started): string {
  const space = spaces[0] ?? 'SPACE';
  return paragraphs(
    `Millrace serves the web app, the Tracking API, the Profile API and the Public API (below /public-api) at ${url} (database ${database}).`,
    publicApiUrl === null ? '' : `The Public API alone, at its root: ${publicApiUrl}`,
    firstLink === null
      ? ''
      : `Nobody can sign in to the web app yet. This link makes you its owner; it is good once, for 24 hours:\n  ${firstLink}`,
    spaces.length === 0
      ? 'There is no space yet: the web app makes one, and so does millrace apply FILE (examples/shop.yaml is a file to begin with).'
      : `Read a profile:\n  curl -u 'TOKEN:' '${url}/v1/spaces/${space}/collections/users/profiles/email:jane@example.com/traits'`,
    `Make a token:    millrace token create --space ${space} NAME\n` +
      `Let SDKs write:  millrace event-stream create NAME --space ${space}\n` +
      `Routes:          ${url}/openapi.json (Profile API, Public API); docs/tracking-api.md, docs/public-api.md\n` +
      'Stop:            Ctrl-C',
  );
}
