/** Alerts in a small world: rules, a listener and a mail server that answer on order, a clock that is set. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { testLog } from '../../test/database.ts';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../db/db.ts';
import { excludeSyncs } from '../sync/sync.ts';
import {
  type AlertChannel,
  type AlertEvent,
  commandLine,
  editWorkspace,
  openSecrets,
  type Secrets,
} from '../workspace/workspace.ts';
import type { AlertContext } from './alerts.ts';

export const testSecrets = (): Promise<Secrets> =>
  openSecrets({ key: Buffer.alloc(32, 7).toString('base64'), dataFolder: '/nowhere' });

export interface SetClock extends Clock {
  /** Lets so many ms go by. */
  pass(ms: number): void;
}

export function setClock(): SetClock {
  let at = Date.now();
  return {
    now: () => new Date(at),
    pass: (ms) => {
      at += ms;
    },
  };
}

export async function contextOf(db: Database, more: Partial<AlertContext> = {}): Promise<AlertContext> {
  return { db, secrets: await testSecrets(), log: testLog(), clock: setClock(), mail: null, ...more };
}

export interface Rule {
  readonly name?: string;
  readonly on?: readonly AlertEvent[];
  /** Names. */
  readonly mappings?: readonly string[] | null;
  readonly thresholdPercent?: number;
  readonly channels?: readonly AlertChannel[];
  readonly enabled?: boolean;
}

/** Stores an alert, as an apply does; by default on failed syncs of every mapping. */
export async function putAlert({ db, secrets }: AlertContext, rule: Rule = {}): Promise<void> {
  await editWorkspace(
    { db, secrets, actor: commandLine, spaceHasProfiles: async () => true, excludeSyncs },
    (draft) => {
      draft.put('alert', {
        name: rule.name ?? 'nightly',
        title: null,
        on: rule.on ?? ['sync_failed'],
        mappings: rule.mappings ?? null,
        thresholdPercent: rule.thresholdPercent ?? null,
        channels: rule.channels ?? [],
        enabled: rule.enabled ?? true,
      });
    },
  );
}

/** A mapping `mpg_1`, called `people`, with what it hangs on. */
export async function putMapping(db: Database): Promise<void> {
  const statements = [
    `INSERT INTO sources (id, name, engine, settings, enabled, created_at, updated_at)
     VALUES ('src_1', 'shop', 'duckdb', '{}', true, now(), now())`,
    `INSERT INTO models (id, name, source_id, description, query, identifier_column, enabled, created_at, updated_at)
     VALUES ('mod_1', 'people', 'src_1', '', 'SELECT 1 AS id', 'id', true, now(), now())`,
    `INSERT INTO destinations (id, name, source_id, slug, settings, enabled, created_at, updated_at)
     VALUES ('dst_1', 'profiles', 'src_1', 'actions-segment-profiles', '{}', true, now(), now())`,
    `INSERT INTO mappings (id, name, destination_id, model_id, action, trigger_fql, fields, skip_nulls, enabled,
       skip_backfill, created_at, updated_at)
     VALUES ('mpg_1', 'people', 'dst_1', 'mod_1', 'sendIdentify', 'event = "new"', '{}', '[]', true, false, now(), now())`,
  ];
  for (const statement of statements) await db.pool.query(statement);
}

/** Asks until the answer is yes; the test's own time limit ends it. */
export async function until(question: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await question())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/* ---- a listener ---- */

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Listener extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
}

/** @param answer gets the number of the request, from 0; one that ends nothing hangs */
export async function listen(
  answer: (no: number, response: ServerResponse) => void = (_, response) => void response.end('ok'),
): Promise<Listener> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      received.push({ path: request.url ?? '', headers: request.headers, body });
      answer(received.length - 1, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/* ---- a mail server ---- */

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly source: string;
}

export interface MailBox extends AsyncDisposable {
  readonly url: string;
  readonly mails: Mail[];
}

/** @param refuse answers with this status to the mail of this number, from 0; 0 takes it */
export async function mailBox(
  refuse: (no: number) => number = () => 0,
  login?: { readonly user: string; readonly password: string },
): Promise<MailBox> {
  const mails: Mail[] = [];
  let given = 0;
  const server = new SMTPServer({
    disabledCommands: login === undefined ? ['STARTTLS', 'AUTH'] : ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, callback) =>
      username === login?.user && password === login?.password
        ? callback(null, { user: username })
        : callback(new Error('no')),
    onData(stream, session, callback) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const status = refuse(given++);
        if (status !== 0) return callback(Object.assign(new Error('canary-mail-text'), { responseCode: status }));
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          source: Buffer.concat(parts).toString(),
        });
        return callback();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const user = login === undefined ? '' : `${login.user}:${login.password}@`;
  return {
    url: `smtp://${user}127.0.0.1:${port}`,
    mails,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
