/** `/openapi.json`: the document of every route, made from the schemas that check the requests. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import type { JSONSchema } from 'zod/v4/core';
import { sendJson } from './profile/errors.ts';

const description = `Reads profiles of a space and what arrives at it, and deletes identifiers where the space allows it. Every
answer is JSON (the live view is a stream of events) and carries a \`Request-Id\`. Lists come in pages: see
\`limit\` and \`next\` of each route for the default and the largest page; larger values are not refused but cut down.`;

/** Leaves out what would promise too much: that no member is ever added, and zod's own bounds and patterns. */
function loosen({ jsonSchema }: { jsonSchema: JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  delete jsonSchema.propertyNames;
}

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
          workspaceToken: { type: 'http', scheme: 'bearer', description: 'An access token of the workspace.' },
        },
      },
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { override: loosen } }),
  });
  let text: string | undefined;
  app.get('/openapi.json', { schema: { hide: true } }, (_, reply) => {
    text ??= JSON.stringify(app.swagger());
    return sendJson(reply, 200, text);
  });
}
