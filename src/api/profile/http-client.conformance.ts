/** Test support: an API that listens on loopback, and requests whose paths go out exactly as they are written. */
import http from 'node:http';
import net from 'node:net';
import { createLog } from '../../base/log.ts';
import { defaultSpaceSettings, type SpaceSettings } from '../../space/space.ts';
import { type ApiDeps, buildApi } from '../api.ts';
import { type Serving, serve } from '../server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a body of any shape, looked into by tests
  readonly json: any;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export const spaceId = 'spa_test';
export const secret = 'mrp_test';
export const otherSpaceId = 'spa_other';
export const otherSecret = 'mrp_other';
const otherSpaceNo = 999;

export function basic(credentials: string): { readonly authorization: string } {
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

export interface ApiUnderTest extends AsyncDisposable {
  readonly serving: Serving;
  /** With the token of the space unless headers are given. */
  request(path: string, options?: RequestOptions): Promise<Answer>;
  /** A path below the space. */
  profiles(path: string, options?: RequestOptions): Promise<Answer>;
}

export type TestDeps = Partial<ApiDeps> &
  Pick<ApiDeps, 'reader'> & { readonly spaceNo?: number; readonly settings?: SpaceSettings };

/** Two spaces with a token each, a clock that runs, and no rate limit, unless given. */
export async function startApi({
  spaceNo = 1,
  settings = defaultSpaceSettings(),
  ...deps
}: TestDeps): Promise<ApiUnderTest> {
  const spaces = [
    { id: spaceId, no: spaceNo, name: 'shop', secret, settings },
    { id: otherSpaceId, no: otherSpaceNo, name: 'other', secret: otherSecret, settings },
  ];
  const app = await buildApi({
    verifyToken: async (given) => {
      const space = spaces.find((candidate) => candidate.secret === given);
      return space === undefined ? null : { tokenId: `tok_${space.name}`, spaceId: space.id, spaceNo: space.no };
    },
    deleteIdentifier: async () => 'profile_not_found',
    findSpace: async (name) => spaces.find((space) => space.id === name || space.name === name) ?? null,
    log: createLog({ level: 'silent' }),
    clock: { now: () => new Date() },
    limits: { profileRequestsPerSecond: 0 },
    ready: async () => true,
    ...deps,
  });
  const serving = await serve(app, { host: '127.0.0.1', port: 0 });
  const request = (path: string, options: RequestOptions = {}) => send(serving.port, path, options);
  return {
    serving,
    request,
    profiles: (path, options) => request(`/v1/spaces/${spaceId}/collections/${path}`, options),
    [Symbol.asyncDispose]: () => serving.close(),
  };
}

function send(port: number, path: string, options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = options.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(options.body)) };
    const headers = { ...(options.headers ?? basic(`${secret}:`)), ...length };
    const request = http.request(
      { host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const json = text === '' ? undefined : JSON.parse(text);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

/** Sends bytes as they are and returns everything that comes back until the server ends the connection. */
export function sendBytes(port: number, bytes: Buffer | string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('error', reject);
  });
}
