/** `/healthz`: the process answers. `/readyz`: it can do its work, or 503. Neither needs a token. */
import type { FastifyInstance } from 'fastify';
import { sendJson } from './profile/errors.ts';

export function healthRoutes(app: FastifyInstance, ready: () => Promise<boolean>): void {
  const summary = { tags: ['process'], response: undefined };
  app.get(
    '/healthz',
    { schema: { ...summary, operationId: 'healthz', summary: 'Is the process alive?' } },
    (_, reply) => sendJson(reply, 200, '{"status":"ok"}'),
  );
  app.get(
    '/readyz',
    { schema: { ...summary, operationId: 'readyz', summary: 'Can it answer requests?' } },
    async (_, reply) => {
      const isReady = await ready().catch(() => false);
      return sendJson(reply, isReady ? 200 : 503, isReady ? '{"status":"ready"}' : '{"status":"not_ready"}');
    },
  );
}
