/**
 * A Tracking API that does whatever a server can do to a client. In: a script, one move for each request in the order they
 * arrive; past its end, requests are accepted. Out: everything that arrived, and what was accepted of it. A request that
 * holds a message marked as poison is answered 400, or 413, whatever else the script would do after reading it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { JsonObject } from '../src/base/json.ts';

export type Move =
  | { readonly kind: 'accept'; readonly status?: number; readonly body?: string }
  /** Nothing is accepted. */
  | { readonly kind: 'answer'; readonly status: number; readonly retryAfter?: string; readonly body?: string }
  /** Accepted, then answered with something that is no success. */
  | { readonly kind: 'accept, then answer'; readonly status: number }
  | { readonly kind: 'reset before reading' }
  | { readonly kind: 'reset after reading' }
  | { readonly kind: 'accept, then reset' }
  /** Accepted; the answer breaks off in its body. */
  | { readonly kind: 'accept, then half an answer' }
  | { readonly kind: 'accept, then hang' }
  | { readonly kind: 'accept slowly'; readonly ms: number }
  /** Bytes that are no HTTP. */
  | { readonly kind: 'garbage' }
  /** 200, and a page. */
  | { readonly kind: 'page' }
  /** A body without an end. */
  | { readonly kind: 'accept, then flood' };

export interface Arrived {
  readonly writeKey: string;
  readonly bytes: number;
  readonly messages: readonly JsonObject[];
  /** As they came, for comparing bytes. */
  readonly texts: readonly string[];
  readonly sentAt: string;
}

export interface FakeEndpoint extends AsyncDisposable {
  /** What `tracking_url` is set to. */
  readonly url: string;
  /** Moves that are still to be made; may be added to at any time. */
  readonly script: Move[];
  /** Requests whose bodies were read. */
  readonly arrived: Arrived[];
  /** Messages that were accepted, in order, each as often as it was. */
  readonly accepted: { readonly writeKey: string; readonly message: JsonObject }[];
  /** Called when a request was read, before it is answered. */
  onRequest: () => void;
}

export interface FakeEndpointOptions {
  readonly isPoison?: (message: JsonObject) => boolean;
  readonly poisonStatus?: 400 | 413;
}

export async function openFakeEndpoint(options: FakeEndpointOptions = {}): Promise<FakeEndpoint> {
  const { isPoison = () => false, poisonStatus = 400 } = options;
  const sockets = new Set<Socket>();
  const fake = { script: [] as Move[], arrived: [] as Arrived[], accepted: [] as FakeEndpoint['accepted'] };
  const server: Server = createServer((request, response) => {
    const move = fake.script.shift() ?? { kind: 'accept' };
    serve(request, response, move).catch(() => request.socket.destroy());
  });
  const endpoint: FakeEndpoint = {
    url: '',
    ...fake,
    onRequest: () => undefined,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse, move: Move): Promise<void> {
    if (move.kind === 'reset before reading') return void request.socket.resetAndDestroy();
    const arrived = await readRequest(request);
    fake.arrived.push(arrived);
    endpoint.onRequest();
    const accept = () => {
      for (const message of arrived.messages) fake.accepted.push({ writeKey: arrived.writeKey, message });
    };
    const answer = (status: number, body = '', headers: Record<string, string> = {}) =>
      void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    if (arrived.messages.some(isPoison)) return answer(poisonStatus, '{"success":false,"message":"Invalid message"}');
    switch (move.kind) {
      case 'accept':
        accept();
        return answer(move.status ?? 200, move.body ?? '{"success":true}');
      case 'answer':
        return answer(move.status, move.body, move.retryAfter === undefined ? {} : { 'retry-after': move.retryAfter });
      case 'accept, then answer':
        accept();
        return answer(move.status);
      case 'reset after reading':
        return void request.socket.resetAndDestroy();
      case 'accept, then reset':
        accept();
        return void request.socket.resetAndDestroy();
      case 'accept, then half an answer':
        accept();
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
        response.write('{"succ');
        return void setTimeout(() => request.socket.destroy(), 5);
      case 'accept, then hang':
        return accept();
      case 'accept slowly':
        accept();
        return void setTimeout(() => answer(200, '{"success":true}'), move.ms);
      case 'garbage':
        return void request.socket.end('\u0016\u0003\u0001 this is no HTTP\r\n\r\n');
      case 'page':
        return answer(200, '<html><body>Welcome</body></html>', { 'content-type': 'text/html; charset=utf-8' });
      case 'accept, then flood':
        accept();
        return flood(response);
      default:
        move satisfies never;
    }
  }

  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(endpoint, { url: `http://127.0.0.1:${port}/v1` });
}

async function readRequest(request: IncomingMessage): Promise<Arrived> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  if (request.method !== 'POST' || request.url !== '/v1/batch') throw new Error(`${request.method} ${request.url}`);
  const { batch, sentAt } = JSON.parse(bytes.toString('utf8')) as { batch: JsonObject[]; sentAt: string };
  const credentials = Buffer.from(String(request.headers.authorization).replace('Basic ', ''), 'base64').toString();
  if (!credentials.endsWith(':')) throw new Error('a password came along');
  return {
    writeKey: credentials.slice(0, -1),
    bytes: bytes.length,
    messages: batch,
    texts: batch.map((message) => JSON.stringify(message)),
    sentAt,
  };
}

/** Writes until the other side has had enough. */
function flood(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const chunk = ' '.repeat(64 * 1024);
  const write = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', write).on('error', () => undefined);
  write();
}
