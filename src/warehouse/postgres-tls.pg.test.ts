/** Every TLS mode of a Postgres warehouse, against a real server with a certificate of its own authority. */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeAuthority } from '../../test/certificates.ts';
import { createLog } from '../base/log.ts';
import { serverAccount } from '../db/account.ts';
import { type Cluster, clusterUser, createCluster, startServer, stopServer } from '../db/cluster.ts';
import { findPrograms } from '../db/programs.ts';
import { safeLogSettings } from '../db/settings.ts';
import { openWarehouse } from './warehouse.ts';

const authority = makeAuthority('Ours');
const stranger = makeAuthority('Strangers');
/** It is reached as `localhost`; its certificate does not name 127.0.0.1. */
const server = authority.sign('server', ['localhost']);
const client = authority.sign(clusterUser);

let cluster: Cluster;
let home: string;
let port: number;

beforeAll(async () => {
  const log = createLog({ level: 'warn' });
  const account = await serverAccount(log);
  home = await mkdtemp(path.join(tmpdir(), 'millrace-tls-'));
  await chmod(home, 0o711);
  const inside = path.join(home, 'server');
  await mkdir(inside, { mode: 0o700 });
  const own = async (file: string) => {
    if (account !== undefined) await chown(file, account.uid, account.gid);
  };
  await own(inside);
  cluster = {
    programs: await findPrograms(account, log),
    account,
    folder: path.join(inside, 'data'),
    logFile: path.join(inside, 'postgres.log'),
  };
  await createCluster(cluster, 'secret');
  const files = { 'server.crt': server.cert, 'server.key': server.key, 'root.crt': authority.cert };
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(cluster.folder, name);
    await writeFile(file, text, { mode: 0o600 });
    await own(file);
  }
  // Never without TLS; into the database `certified` with a client's certificate, elsewhere with a password.
  const hba = path.join(cluster.folder, 'pg_hba.conf');
  await writeFile(hba, 'hostssl certified all 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n');
  await own(hba);
  port = await startServer(cluster, { ...safeLogSettings, ssl: 'on', ssl_ca_file: 'root.crt', fsync: 'off' });
  await using warehouse = await open({ ssl: 'require' });
  await warehouse.check();
});

afterAll(async () => {
  await stopServer(cluster);
  await rm(home, { recursive: true, force: true });
});

function open(settings: object) {
  const login = { host: 'localhost', port, database: 'postgres', user: clusterUser, password: 'secret' };
  return openWarehouse('postgres', { ...login, ...settings });
}

/** What the server says of the session that runs a model's query. */
async function isEncrypted(settings: object): Promise<unknown> {
  await using warehouse = await open(settings);
  await using snapshot = await warehouse.snapshot();
  const { rows } = await snapshot.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  return rows[0]?.[0];
}

async function faultOf(settings: object): Promise<unknown> {
  await using warehouse = await open(settings);
  return warehouse.check().then(
    () => undefined,
    (error: unknown) => error,
  );
}

test.each([
  ['prefer', {}],
  ['require', {}],
  ['require, with another authority, which it does not look at', { ca: stranger.cert }],
  ['verify-ca', { ca: authority.cert }],
  ['verify-ca, of a host the certificate does not name', { ca: authority.cert, host: '127.0.0.1' }],
  ['verify-full', { ca: authority.cert }],
])('%s: the session is encrypted', async (mode, settings) => {
  expect(await isEncrypted({ ssl: mode.split(',')[0], ...settings })).toBe(true);
});

test.each([
  ['verify-ca', { ca: stranger.cert }, /certificate|self-signed|issuer/i],
  ['verify-ca', {}, /certificate|self-signed|issuer/i],
  ['verify-full', { ca: stranger.cert }, /certificate|self-signed|issuer/i],
  ['verify-full', { ca: authority.cert, host: '127.0.0.1' }, /127\.0\.0\.1|altnames/i],
])('%s refuses what it cannot trust, and says why', async (ssl, settings, why) => {
  const error = await faultOf({ ssl, ...settings });
  expect(error).toMatchObject({ code: 'warehouse_tls_failed', message: expect.stringMatching(why) });
  expect(error).toMatchObject({ message: expect.stringContaining(ssl), help: expect.stringMatching(/\w/) });
});

test('a server that wants TLS says so to a session without', async () => {
  expect(await faultOf({ ssl: 'disable' })).toMatchObject({ code: 'warehouse_tls_failed' });
});

test('a login by certificate', async () => {
  const certified = { ssl: 'verify-full', ca: authority.cert, database: 'certified', password: '' };
  // The database is missing, which only a session that was let in is told.
  expect(await faultOf({ ...certified, ...client })).toMatchObject({ code: 'warehouse_database_missing' });
  expect(await faultOf(certified)).toMatchObject({ code: 'warehouse_tls_failed' });
});

test('a client certificate that the server does not know is refused, and nothing waits for the half-open socket', async () => {
  const foreign = { ssl: 'verify-full', ca: authority.cert, ...stranger.sign(clusterUser) };
  // The refusal comes after the handshake: before our first message or after it, as it happens.
  const faults = await Promise.all(Array.from({ length: 60 }, () => faultOf(foreign)));
  for (const fault of faults) {
    const message = expect.stringMatching(/: the server ended the handshake with "unknown ca"\.$/);
    expect(fault).toMatchObject({ code: 'warehouse_tls_failed', message });
  }
});
