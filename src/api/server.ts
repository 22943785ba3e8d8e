/**
 * Listening. In: an app that does not listen yet, and where. Out: the address that was bound. Promised: `close` takes no
 * new connections, finishes the requests that run, then closes the app; a port that cannot be had is named in the error.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { MillraceError } from '../base/errors.ts';

export interface ListenOptions {
  /** An address of this machine; `0.0.0.0` or `::` for all of them. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface Serving extends AsyncDisposable {
  readonly host: string;
  /** The port that was bound. */
  readonly port: number;
  /** How this machine reaches it, without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

export async function serve(app: FastifyInstance, options: ListenOptions): Promise<Serving> {
  const { host } = options;
  const unused = unusedConnections(app.server);
  try {
    await app.listen({ host, port: options.port });
  } catch (error) {
    throw listenError(error, options);
  }
  const bound = app.addresses()[0];
  const port = typeof bound === 'object' ? bound.port : options.port;
  const close = (): Promise<void> => closeGently(app, unused);
  return { host, port, url: `http://${reachable(host)}:${port}`, close, [Symbol.asyncDispose]: close };
}

const sweepMs = 50;

/**
 * Fastify ends the idle connections once, at the start; one that is busy then would be waited for until its keep-alive
 * time is over (72 s), although its request was answered long before.
 */
async function closeGently(app: FastifyInstance, unused: ReadonlySet<Socket>): Promise<void> {
  const sweep = setInterval(() => {
    app.server.closeIdleConnections();
    for (const socket of unused) socket.destroy();
  }, sweepMs);
  try {
    await app.close();
  } finally {
    clearInterval(sweep);
  }
}

/** Those on which no request came yet, as browsers open them in advance: Node does not count them as idle. */
function unusedConnections(server: FastifyInstance['server']): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));
  return unused;
}

function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function listenError(error: unknown, { host, port }: ListenOptions): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return new MillraceError('port_taken', `Port ${port} on ${host} is taken by another program.`, { cause: error });
    case 'EACCES':
      return new MillraceError('port_forbidden', `This account may not listen on port ${port} of ${host}.`, {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new MillraceError('listen_host_unknown', `${host} is not an address of this machine.`, { cause: error });
    default:
      return error;
  }
}
