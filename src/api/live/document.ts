/** The live view in the OpenAPI document. */
import { z } from 'zod';
import { answers, errorAnswer, listParams, security } from '../profile/document.ts';

const example = `retry: 3000

event: arrival
data: {"kind":"arrival","at":"2025-11-20T09:15:04.919Z","sourceId":"evs_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0","messageId":"web-81c2","type":"track","event":"Order Completed","userId":"c-501","outcome":"applied","profileId":"use_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0","message":{"type":"track","event":"Order Completed","userId":"c-501","messageId":"web-81c2"}}

event: skipped
data: {"kind":"skipped","count":480}

`;

const { 200: _, ...errors } = answers('', z.any(), {});

export const schema = {
  operationId: 'watchSpace',
  tags: ['live'],
  summary: 'What arrives at a space, as it arrives',
  description:
    'A stream of server-sent events. `arrival`: a message that the space took or dropped. `skipped`: how many arrivals are not shown, because there were too many or the reader was slow. `end`: why the stream ends (`server_closing`, `token_invalid`, `database_lost`, `too_slow`). Comment lines are heartbeats.',
  security,
  params: listParams.pick({ space: true }),
  response: {
    200: {
      description: 'The stream. It goes on until somebody ends it.',
      content: { 'text/event-stream': { schema: z.string().meta({ examples: [example] }) } },
    },
    ...errors,
    429: errorAnswer(
      'Over the rate limit of the space, or more streams than the process has room for.',
      'rate_limit_error',
      'This server streams to 20 readers already; try again later.',
    ),
    503: errorAnswer('The server is closing.', 'internal_error', 'The server is closing; connect again in a moment.'),
  },
};
