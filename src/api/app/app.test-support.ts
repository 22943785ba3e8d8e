/** Test support: servers of one database with people, a browser that keeps its cookie, and a clock that is set by hand. */
import { tmpdir } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { testDatabase, testLog } from '../../../test/database.ts';
import type { Database } from '../../db/db.ts';
import { createSpaceReader, createSpaceWriter, deleteIdentifier, watchSpace } from '../../space/space.ts';
import {
  commandLine,
  createPasswords,
  createSpace,
  findSpace,
  type Grant,
  invitePerson,
  openSecrets,
  type Passwords,
  type Space,
  verifyToken,
} from '../../workspace/workspace.ts';
import { buildApi } from '../api.ts';
import { publicDeps } from '../public/public.test-support.ts';

/** The real thing, with less work. */
export const quickParameters = { logCost: 8, blockSize: 8, parallel: 1 };
export const owner: Grant = { role: 'owner', permissions: [] };
export const password = 'correct horse battery';

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | number | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a body of any shape, looked into by tests
  readonly json: any;
}

export interface CallOptions {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly address?: string;
  /** False: without the CSRF token. */
  readonly csrf?: boolean;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';

/** What a browser keeps: its cookies, and what the app knows. */
export class Browser {
  readonly cookies = new Map<string, string>();
  csrfToken: string | undefined;
  app: FastifyInstance;

  constructor(app: FastifyInstance) {
    this.app = app;
  }

  async call(method: Method, url: string, options: CallOptions = {}): Promise<Answered> {
    const { body, headers = {}, address = '192.0.2.1', csrf = true } = options;
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await this.app.inject({
      method,
      url,
      remoteAddress: address,
      headers: {
        host: 'millrace.test',
        ...(cookie !== '' && { cookie }),
        ...(csrf && this.csrfToken !== undefined && { 'x-csrf-token': this.csrfToken }),
        ...headers,
      },
      ...(body !== undefined && { payload: body }),
    });
    for (const { name, value } of answer.cookies) {
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const isJson = String(answer.headers['content-type']).includes('json') && answer.body !== '';
    const json = isJson ? answer.json() : null;
    if (typeof json?.data?.csrfToken === 'string') this.csrfToken = json.data.csrfToken;
    return { status: answer.statusCode, headers: answer.headers, text: answer.body, json };
  }

  signIn(email: string, given = password, options: CallOptions = {}): Promise<Answered> {
    return this.call('POST', '/app/sign-in', { ...options, body: { email, password: given } });
  }
}

export interface AppServer extends AsyncDisposable {
  readonly db: Database;
  readonly app: FastifyInstance;
  /** Another process of the same database, as far as the two can tell. */
  readonly other: FastifyInstance;
  readonly space: Space;
  readonly clock: { now(): Date; pass(ms: number): void };
  /** How many hashes were made or compared with. */
  hashes(): number;
  browser(app?: FastifyInstance): Browser;
  /** Somebody who came in by a link and set `password`. */
  person(email: string, grant?: Grant): Promise<Browser>;
}

export interface AppServerOptions {
  readonly folder?: string;
  readonly trustProxy?: boolean;
  readonly publicUrl?: string;
}

export async function openAppServer(options: AppServerOptions = {}): Promise<AppServer> {
  const db = await testDatabase();
  await createSpace(db.pool, 'shop');
  const space = await findSpace(db.pool, 'shop');
  let ms = Date.parse('2026-03-20T12:00:00.000Z');
  const clock = {
    now: () => new Date(ms),
    pass(passed: number) {
      ms += passed;
    },
  };
  let hashes = 0;
  const real = createPasswords(quickParameters);
  const passwords: Passwords = {
    hash(text) {
      hashes++;
      return real.hash(text);
    },
    verify(text, stored) {
      hashes++;
      return real.verify(text, stored);
    },
  };
  const secrets = await openSecrets({ key: '0'.repeat(64), dataFolder: tmpdir() });
  const writer = createSpaceWriter({ db });
  const build = () =>
    buildApi({
      reader: createSpaceReader({ db }),
      watch: (spaceNo, onItem) => watchSpace({ db }, spaceNo, onItem),
      beatMs: 50,
      deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
      verifyToken: (secret) => verifyToken(db.pool, secret),
      findSpace: (name) => findSpace(db.pool, name),
      publicApi: publicDeps(db, secrets, writer),
      app: {
        db,
        passwords,
        lives: { idleDays: 7, longestDays: 30 },
        publicUrl: options.publicUrl,
        ...(options.folder !== undefined && { folder: options.folder }),
      },
      trustProxy: options.trustProxy ?? false,
      log: testLog(),
      clock,
      limits: { profileRequestsPerSecond: 0 },
      ready: async () => true,
    });
  const [app, other] = [await build(), await build()];
  const browser = (at = app) => new Browser(at);
  return {
    db,
    app,
    other,
    space,
    clock,
    hashes: () => hashes,
    browser,
    async person(email, grant = owner) {
      const { secret } = await invitePerson(db, commandLine, { email, ...grant }, clock.now());
      const made = browser();
      const { status } = await made.call('POST', `/app/links/${secret}`, { body: { name: 'Ana', password } });
      if (status !== 200) throw new Error(`The link was answered with ${status}.`);
      return made;
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await other.close();
      await writer[Symbol.asyncDispose]();
      await db.close();
    },
  };
}
