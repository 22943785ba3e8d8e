/** A Public API on loopback that answers as it is told, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
}

export interface FakePublicApi extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
}

export type Answer = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void;

export async function openFakePublicApi(answer: Answer): Promise<FakePublicApi> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake.test');
    const one: Asked = {
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      authorization: request.headers.authorization,
    };
    asked.push(one);
    answer(one, response, request);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export interface ListedSource {
  readonly name?: string;
  readonly slug?: string;
  readonly writeKeys?: readonly unknown[] | undefined;
}

/** Answers as the Public API does: `GET /` with the workspace, `GET /sources` page by page, ten at most. */
export function publicApiWith(sources: readonly ListedSource[]): Answer {
  return ({ path, query }, response) => {
    if (path === '/') return json(response, 200, { data: { workspace: { id: 'w', slug: 'acme', name: 'Acme' } } });
    if (path !== '/sources') return json(response, 404, { errors: [{ type: 'not-found', message: 'not found' }] });
    const from = Number(Buffer.from(query['pagination[cursor]'] ?? '', 'base64').toString());
    const count = Number(query['pagination[count]']);
    const cursor = (offset: number) => Buffer.from(String(offset)).toString('base64');
    const next = from + count < sources.length ? { next: cursor(from + count) } : {};
    const page = sources.slice(from, from + count).map(({ name, slug = 'personas-compute', writeKeys }, index) => ({
      id: `s${from + index}`,
      ...(name === undefined ? {} : { name }),
      slug: `source-${from + index}`,
      metadata: { id: 'm', slug },
      ...(writeKeys === undefined ? {} : { writeKeys }),
    }));
    return json(response, 200, { data: { sources: page, pagination: { current: cursor(from), ...next } } });
  };
}
