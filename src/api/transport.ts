/**
 * What every answer has in common, routed or not: a `Request-Id`, no caching; 404 for an unknown path (outside of areas not
 * for `OPTIONS`, which is 405 there), 405 with `Allow` for a known path and another method, also for requests the HTTP parser cannot read. The form of errors
 * is the Profile API's, except in an area with its own; pages may read them in areas that are open to pages.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../base/log.ts';
import {
  badRequest,
  methodNotAllowed,
  type Refusal,
  refusalOf,
  refuse,
  routeNotFound,
  serverFault,
} from './profile/errors.ts';

/** A part of the paths whose errors have a form of their own. */
export interface Area {
  /** Whether any page may read the answers. */
  readonly openToPages: boolean;
  /** Of every answer, beside the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
  owns(path: string): boolean;
  /** Sends the error in that form. */
  refuse(reply: FastifyReply, answer: Refusal): FastifyReply;
  /** The body of an error in that form, of a request that cannot be read; only of an area that owns every path. */
  bodyOf?(answer: Refusal): string;
}

/** Sets the headers of every answer. Returns the form of its errors. */
function enter(request: FastifyRequest, reply: FastifyReply, areas: readonly Area[]): Pick<Area, 'refuse'> {
  reply.header('Request-Id', request.id).header('Cache-Control', 'no-store');
  const path = pathOf(request.originalUrl);
  const area = areas.find((candidate) => candidate.owns(path));
  if (area?.headers !== undefined) reply.headers(area.headers);
  if (area?.openToPages === true) reply.header('Access-Control-Allow-Origin', '*');
  return area ?? { refuse };
}

/** The methods of each path, from the routes themselves, for the `Allow` header. */
class PathTable {
  readonly #methods = new Map<string, string[]>();

  add(url: string, method: string | string[]): void {
    const known = this.#methods.get(url) ?? [];
    this.#methods.set(url, [...new Set([...known, ...[method].flat()])].sort());
  }

  /** Null when no route has this path. */
  methodsOf(path: string): readonly string[] | null {
    for (const [url, methods] of this.#methods) {
      const pattern = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[a-zA-Z]+/g, '[^/]+');
      if (new RegExp(`^${pattern}/?$`).test(path)) return methods;
    }
    return null;
  }
}

function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0] ?? '';
}

/** Answers a request that no route took. */
function unroutable(table: PathTable, method: string, url: string, areas: readonly Area[]): Refusal {
  const path = pathOf(url);
  const allowed = table.methodsOf(path);
  // The Profile API never answers a preflight, and owns whatever no area does.
  const isProfiles = !areas.some((area) => area.owns(path));
  if (method === 'OPTIONS' && (allowed !== null || isProfiles))
    return methodNotAllowed(method, allowed ?? ['GET', 'HEAD']);
  return allowed === null || allowed.includes(method) ? routeNotFound : methodNotAllowed(method, allowed);
}

const expectationUnknown = badRequest('The Expect header asks for something this server does not know.', 417);

/** Answers a request that no route took with a page, and returns true; or leaves it alone. */
export type PageAnswer = (path: string, request: FastifyRequest, reply: FastifyReply) => boolean;

export function installTransport(
  app: FastifyInstance,
  log: Log,
  areas: readonly Area[],
  answerWithPage?: PageAnswer | undefined,
): void {
  const table = new PathTable();
  app.addHook('onRoute', (route) => table.add(route.url, route.method));
  app.addHook('onRequest', (request, reply, done) => {
    const area = enter(request, reply, areas);
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      area.refuse(reply, badRequest('The Host header is missing.'));
    } else if (request.is404) {
      const path = pathOf(request.originalUrl);
      const mayBePage = table.methodsOf(path) === null && !areas.some((candidate) => candidate.owns(path));
      if (mayBePage && answerWithPage?.(path, request, reply) === true) return;
      area.refuse(reply, unroutable(table, request.method, request.originalUrl, areas));
    } else {
      done();
    }
  });
  app.server.on('checkExpectation', (_, response: ServerResponse) => {
    const { status } = expectationUnknown;
    response.writeHead(status, {
      'Request-Id': randomUUID(),
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
    });
    response.end(bodyIn(areas, expectationUnknown));
  });
  app.setNotFoundHandler((_, reply) => refuse(reply, routeNotFound));
  app.setErrorHandler((error, request, reply) => {
    const answer = refusalOf(error);
    if (answer !== null) return refuse(reply, answer);
    // The route, never the URL: identifiers of people stand in it.
    log.error({ requestId: request.id, route: request.routeOptions.url, err: error }, 'a request failed');
    return refuse(reply, serverFault);
  });
}

/** Fastify's own refusals from before a route is found, e.g. a path that cannot be decoded. */
export function frameworkErrorIn(areas: readonly Area[]) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    enter(request, reply, areas).refuse(reply, refusalOf(error) ?? serverFault);
  };
}

const unreadable: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: badRequest('The request line and headers are too long.', 431),
  ERR_HTTP_REQUEST_TIMEOUT: badRequest('The request did not arrive in time.', 408),
};
const notHttp = badRequest('This is not an HTTP request.');
const statusText: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** Answers bytes that are no HTTP request, in our form, and ends the connection. */
export function answerUnreadableIn(areas: readonly Area[]) {
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const answer = unreadable[error.code ?? ''] ?? notHttp;
    const { status } = answer;
    const body = bodyIn(areas, answer);
    socket.end(
      `HTTP/1.1 ${status} ${statusText[status]}\r\nRequest-Id: ${randomUUID()}\r\nContent-Type: application/json\r\n` +
        `Cache-Control: no-store\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  };
}

/** Of a request whose path is not known. */
function bodyIn(areas: readonly Area[], answer: Refusal): string {
  return areas.find((area) => area.bodyOf !== undefined)?.bodyOf?.(answer) ?? answer.body;
}
