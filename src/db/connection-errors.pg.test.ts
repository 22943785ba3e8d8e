import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TLSSocket, type TlsOptions } from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyTestDatabase, testDatabaseUrl, testLog, testServerUrl } from '../../test/database.ts';
import { isMillraceError, type MillraceError } from '../base/errors.ts';
import { usableVersion } from './connection.ts';
import { type Database, openDatabase } from './db.ts';

const password = `s3cret${randomBytes(4).toString('hex')}`;
const user = `reader_${randomBytes(4).toString('hex')}`;
let database: Database;

beforeAll(async () => {
  database = await emptyTestDatabase();
  await database.pool.query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
});
afterAll(async () => {
  await database.pool.query(`DROP ROLE ${user}`);
  await database.close();
});

/** The error of opening the test database with a URL that is changed so. */
async function failure(change: (url: URL) => void): Promise<MillraceError> {
  const url = new URL(testDatabaseUrl(database));
  url.username = user;
  url.password = password;
  change(url);
  try {
    await (await openDatabase({ url: url.href, dataFolder: '/nowhere', log: testLog() })).close();
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    expect(inspect(error, { depth: 10, showHidden: true }), 'the password is nowhere in the error').not.toContain(
      password,
    );
    return error;
  }
  throw new Error('the database opened');
}

describe('a database that cannot be used', () => {
  test('an unknown host', async () => {
    const error = await failure((url) => {
      url.hostname = 'no-such-host.invalid';
    });
    expect(error).toMatchObject({
      code: 'database_host_unknown',
      message: 'The database host no-such-host.invalid is unknown.',
    });
  });

  test('a port where nobody listens', async () => {
    const error = await failure((url) => {
      url.port = '1';
    });
    expect(error.code).toBe('database_unreachable');
    expect(error.message).toContain('127.0.0.1:1 (ECONNREFUSED)');
  });

  test('a server without TLS, when TLS is asked for', async () => {
    const error = await failure((url) => url.searchParams.set('sslmode', 'require'));
    expect(error.code).toBe('database_tls_failed');
  });

  test('a wrong password', async () => {
    const error = await failure((url) => {
      url.password = 'wrong';
    });
    expect(error).toMatchObject({ code: 'database_login_failed', message: expect.stringContaining(user) });
  });

  test('no password', async () => {
    const error = await failure((url) => {
      url.password = '';
    });
    expect(error.code).toBe('database_login_failed');
  });

  test('a database that does not exist', async () => {
    const error = await failure((url) => {
      url.pathname = '/nothing_here';
    });
    expect(error).toMatchObject({ code: 'database_missing', message: expect.stringContaining('nothing_here') });
  });

  test('a user who may not create tables: the message has the GRANT', async () => {
    const error = await failure(() => undefined);
    expect(error).toMatchObject({
      code: 'database_permission',
      help: `Run as the database's owner: GRANT USAGE, CREATE ON SCHEMA public TO ${user};`,
    });
  });

  test('a URL that is none', async () => {
    const open = openDatabase({ url: `postgres://u:${password}@host:port/x`, dataFolder: '/nowhere', log: testLog() });
    const error = await open.catch((fault: MillraceError) => fault);
    expect(error).toMatchObject({ code: 'database_url_invalid' });
    expect(inspect(error)).not.toContain(password);
  });
});

describe.skipIf(!existsSync('/usr/bin/openssl'))('TLS', () => {
  let folder: string;
  let options: TlsOptions;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'millrace-tls-'));
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
    execFileSync(
      '/usr/bin/openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject],
      {
        stdio: 'ignore',
      },
    );
    options = { key: await readFile(key), cert: await readFile(cert) };
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A server that agrees to TLS as Postgres does, and then hands the connection on to the test server. */
  async function tlsFront(): Promise<{ port: number; close: () => void }> {
    const target = new URL(testServerUrl());
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('S');
        const secure = new TLSSocket(socket, { ...options, isServer: true });
        const upstream = connect(Number(target.port), target.hostname);
        secure.pipe(upstream).pipe(secure);
        for (const end of [socket, secure, upstream]) {
          end.on('error', () => undefined);
          end.on('close', () => {
            socket.destroy();
            upstream.destroy();
          });
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as { port: number }).port, close: () => server.close() };
  }

  test('require encrypts without looking at the certificate, verify-full refuses a private one unless it is given', async () => {
    const front = await tlsFront();
    const at = (mode: string, rootCertificate?: string) => {
      const url = new URL(testDatabaseUrl(database));
      url.port = String(front.port);
      url.searchParams.set('sslmode', mode);
      if (rootCertificate !== undefined) url.searchParams.set('sslrootcert', rootCertificate);
      return openDatabase({ url: url.href, dataFolder: '/nowhere', log: testLog(), poolSize: 2 });
    };
    try {
      await (await at('require')).close();
      await (await at('verify-full', path.join(folder, 'cert.pem'))).close();
      await expect(at('verify-full')).rejects.toMatchObject({ code: 'database_tls_failed' });
      await expect(at('verify-full', path.join(folder, 'missing.pem'))).rejects.toMatchObject({
        code: 'database_tls_failed',
      });
    } finally {
      front.close();
    }
  });
});

describe('the version of the server', () => {
  test.each(['15.0', '16.3 (Debian 16.3-1.pgdg120+1)', '18beta1', '18.4'])('%s is taken', (text) => {
    expect(usableVersion(text)).toBe(Number.parseInt(text, 10));
  });

  test.each(['14.11 (Debian 14.11-1)', '9.6.24', ''])('"%s" is refused', (text) => {
    expect(() => usableVersion(text)).toThrow(`The Postgres server has version ${text}; Millrace needs 15 or newer.`);
  });

  test('is asked for when the database is opened', async () => {
    await using old = await emptyTestDatabase();
    const name = new URL(testDatabaseUrl(old)).pathname.slice(1);
    // A server that says it is older: the function is found before Postgres' own.
    await old.pool.query(`CREATE SCHEMA older;
      CREATE FUNCTION older.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT '14.11 (Debian 14.11-1)' $$;
      ALTER DATABASE ${name} SET search_path = older, pg_catalog`);
    const open = openDatabase({ url: testDatabaseUrl(old), dataFolder: '/nowhere', log: testLog() });
    await expect(open).rejects.toMatchObject({
      code: 'database_too_old',
      message: 'The Postgres server has version 14.11 (Debian 14.11-1); Millrace needs 15 or newer.',
    });
  });
});
