/** `/openapi.json`: the document of every route, made from the schemas that check the requests. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { sendJson } from './profile/errors.ts';

const description = `Profiles of a space, read-only. Every answer is JSON and carries a \`Request-Id\`. Lists come in pages: see
\`limit\` and \`next\` of each route for the default and the largest page; larger values are not refused but cut down.`;

export async function openApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Millrace', version, description },
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'basic',
            description: 'An access token of the space as user name, an empty password.',
          },
        },
      },
    },
    transform: jsonSchemaTransform,
  });
  let text: string | undefined;
  app.get('/openapi.json', { schema: { hide: true } }, (_, reply) => {
    text ??= JSON.stringify(app.swagger());
    return sendJson(reply, 200, text);
  });
}
