/**
 * The live view over HTTP (`docs/live.md`). In: a request for a space, with a token of it or from a person who may see it. Out: server-sent events, until
 * the reader goes, the token is revoked, the database is lost or the server closes. Promised: a slow reader loses
 * arrivals and is told how many, and never costs more than a bounded amount of memory; closing the server ends every
 * stream; no CORS.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AccessDeps, type ProfileAccess, profileAccess } from '../profile/access.ts';
import { refuse, serverClosing, tooManyStreams } from '../profile/errors.ts';
import { schema } from './document.ts';
import { EventStream } from './event-stream.ts';
import { SharedWatch, type WatchSpace } from './shared-watch.ts';

export interface LiveApiDeps extends AccessDeps {
  readonly watch: WatchSpace;
  /** Between two heartbeats; default 15 s. */
  readonly beatMs?: number | undefined;
}

/** Streams of one process at most. */
export const mostStreams = 20;

/** A reader that took nothing for so many heartbeats gives its place to another. */
const mostFullBeats = 4;

/** What a reader may take for the last bytes. */
const graceMs = 1_000;

const headers = {
  'Content-Type': 'text/event-stream',
  // A proxy that gathers answers would hold events back.
  'X-Accel-Buffering': 'no',
};

type EndReason = 'server_closing' | 'token_invalid' | 'database_lost' | 'too_slow';

export async function liveApi(app: FastifyInstance, deps: LiveApiDeps): Promise<void> {
  const access = profileAccess(deps);
  const shared = new SharedWatch(deps.watch);
  const open = new Set<OpenStream>();
  let isClosing = false;
  app.decorateRequest('spaceNo', 0);
  // The only parameter is read from the raw path by the access check; its schema is for the document.
  app.setValidatorCompiler(() => (value) => ({ value }));
  app.setSerializerCompiler(() => JSON.stringify);
  app.addHook('preClose', async () => {
    isClosing = true;
    for (const stream of open) stream.end('server_closing');
  });
  app.addHook('onClose', () => shared[Symbol.asyncDispose]());
  app.route({
    method: 'GET',
    url: '/v1/spaces/:space/live',
    exposeHeadRoute: false,
    schema,
    onRequest: access.letIn(),
    handler: async (request, reply) => {
      if (isClosing) return refuse(reply, serverClosing);
      if (open.size >= mostStreams) return refuse(reply, tooManyStreams(mostStreams));
      const stream = new OpenStream(request, reply, access, deps.beatMs);
      open.add(stream);
      stream.onGone(() => open.delete(stream));
      stream.onGone(await shared.join(request.spaceNo, stream));
      return reply.headers(headers).send(stream.events);
    },
  });
}

/** A stream while it is open: its events, its heartbeat, its right to go on. */
class OpenStream {
  readonly events = new EventStream();
  private readonly access: ProfileAccess;
  private readonly request: FastifyRequest;
  private readonly reply: FastifyReply;
  private readonly beating: NodeJS.Timeout;
  private isEnding = false;
  private isAsking = false;

  constructor(request: FastifyRequest, reply: FastifyReply, access: ProfileAccess, beatMs = 15_000) {
    this.access = access;
    this.request = request;
    this.reply = reply;
    this.beating = setInterval(() => void this.beat(), beatMs);
    this.onGone(() => clearInterval(this.beating));
  }

  /** Calls back when the answer has ended in whatever way; at once when it has already. */
  onGone(callback: () => void): void {
    const { raw } = this.reply;
    if (raw.closed || raw.destroyed) callback();
    else raw.once('close', callback);
  }

  arrive(text: string): void {
    this.events.arrive(text, 1);
  }

  skip(count: number): void {
    this.events.skip(count);
  }

  lost(): void {
    this.end('database_lost');
  }

  end(reason: EndReason): void {
    if (this.isEnding) return;
    this.isEnding = true;
    clearInterval(this.beating);
    this.events.finish(reason);
    const { raw } = this.reply;
    const late = setTimeout(() => raw.destroy(), graceMs);
    this.onGone(() => clearTimeout(late));
  }

  private async beat(): Promise<void> {
    if (this.events.beat() >= mostFullBeats) return this.end('too_slow');
    // A slow answer is waited for, not asked for again.
    if (this.isAsking) return;
    this.isAsking = true;
    // It may have been revoked. When that cannot be found out, the watch will be lost too.
    const mayGoOn = await this.access.stillLetsIn(this.request).catch(() => true);
    this.isAsking = false;
    if (!mayGoOn) this.end('token_invalid');
  }
}
