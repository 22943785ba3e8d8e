/** What the routes have in common in the OpenAPI document: path parameters, error answers, how an answer is described. */
import { z } from 'zod';

const space = z.string().meta({ description: 'Id or name of the space.', example: 'spa_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0' });
const collection = z.enum(['users', 'accounts']).meta({ description: 'Which kind of profiles.' });
const profile = z.string().meta({
  description:
    'An identifier, `<id_type>:<value>` with the value percent-encoded once (`email:ana%40example.org`); or a segment id, bare or as `segment_id:use_…`.',
  example: 'user_id:c-501',
});

export const listParams = z.object({ space, collection });
export const profileParams = z.object({ space, collection, profile });

export type ListParams = z.infer<typeof listParams>;
export type ProfileParams = z.infer<typeof profileParams>;

export function answer(description: string, schema: z.ZodType) {
  return { description, content: { 'application/json': { schema } } };
}

/** A 200 with the body it has, and an example of it. */
export function answers(description: string, schema: z.ZodType, example: unknown) {
  return { 200: answer(description, schema.meta({ examples: [example] })), ...errorAnswers };
}

export function errorAnswer(description: string, code: string, message: string) {
  const schema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
  return answer(description, schema.meta({ examples: [{ error: { code, message } }] }));
}

const errorAnswers = {
  400: errorAnswer(
    'A malformed path parameter (`validation_error`) or a bad query parameter (`invalid_request_error`).',
    'invalid_request_error',
    'The parameter `limit` must be an integer of at least 1.',
  ),
  401: errorAnswer('No token, or not one of this space.', 'authentication_error', 'The specified token is invalid.'),
  404: errorAnswer('No such profile, collection, space or route.', 'not_found', 'Profile was not found.'),
  405: errorAnswer(
    'A method that is not in the `Allow` header; `OPTIONS` always.',
    'invalid_request_error',
    'The method POST is not supported here; use GET, HEAD.',
  ),
  429: errorAnswer(
    'Over the rate limit of the space; `Retry-After` says when to come back.',
    'rate_limit_error',
    'The space is asked more than 100 times per second.',
  ),
  500: errorAnswer('A fault of the server.', 'internal_error', 'The server failed to answer this request.'),
};

export const security = [{ token: [] }];
