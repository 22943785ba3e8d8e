/** What senders do that are broken or mean, over a real listener: a clear answer, bounded memory, and it goes on. */
import http from 'node:http';
import net from 'node:net';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Serving } from '../server.ts';
import { createBodyReader } from './body.ts';
import {
  basicKey,
  buildTracking,
  nested,
  type TrackingUnderTest,
  trackOfSize,
  writeKey,
} from './memory.test-support.ts';

const requestTimeoutMs = 1_000;

let api: TrackingUnderTest;
let serving: Serving;
beforeAll(async () => {
  api = await buildTracking({ requestTimeoutMs });
  serving = await api.listen();
});
afterAll(() => serving.close());

const message = JSON.stringify({ userId: 'u', event: 'E' });

async function send(path: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const answer = await fetch(serving.url + path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...basicKey(writeKey), ...headers },
  });
  return { status: answer.status, json: (await answer.json()) as { error?: string }, headers: answer.headers };
}

async function stillTakes(): Promise<void> {
  const before = api.inlet.messages().length;
  expect((await send('/v1/track', message)).status).toBe(200);
  expect(api.inlet.messages()).toHaveLength(before + 1);
}

describe('compressed bodies', () => {
  test.each([
    ['gzip', gzipSync(message)],
    ['GZIP', gzipSync(message)],
    ['deflate', deflateSync(message)],
    ['deflate', deflateRawSync(message)],
    ['identity', Buffer.from(message)],
  ])('%s is read', async (encoding, body) => {
    const before = api.inlet.messages().length;
    expect((await send('/v1/track', body, { 'content-encoding': encoding })).status).toBe(200);
    expect(api.inlet.messages()).toHaveLength(before + 1);
  });

  test.each(['br', 'zstd', 'gzip, gzip', 'x'])('%s is not', async (encoding) => {
    const answer = await send('/v1/track', message, { 'content-encoding': encoding });
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_request']);
  });

  test.each(['gzip', 'deflate'])('%s that is none, or cut off, is invalid', async (encoding) => {
    for (const body of [Buffer.from(message), gzipSync(message).subarray(0, 20), Buffer.alloc(0)]) {
      const answer = await send('/v1/track', body, { 'content-encoding': encoding });
      expect([answer.status, answer.json.error]).toEqual([400, 'invalid_json']);
    }
  });

  test('the limit is that of the decompressed body, to the byte', async () => {
    const gzip = { 'content-encoding': 'gzip' };
    const noise = (bytes: number) => gzipSync(trackOfSize(bytes), { level: 0 });
    expect(noise(32_768).length).toBeGreaterThan(32_768);
    expect((await send('/v1/track', noise(32_768), gzip)).status).toBe(200);
    expect((await send('/v1/track', noise(32_769), gzip)).json.error).toBe('exceed_payload_limit');
  });

  test('of a bomb no more is unpacked than the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(400 * 2 ** 20, 0x20), { level: 9 });
    expect(bomb.length).toBeLessThan(512_000);
    const before = process.memoryUsage().rss;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send('/v1/batch', bomb, { 'content-encoding': 'gzip' })),
    );
    for (const { status, json } of answers) expect([status, json.error]).toEqual([400, 'exceed_payload_limit']);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
    await stillTakes();
  });
});

describe('large bodies', () => {
  test('a sender of too much gets to read the answer, and the connection stays usable', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const post = (body: string) =>
      new Promise<number>((resolve, reject) => {
        const request = http.request(`${serving.url}/v1/batch`, { method: 'POST', agent, headers: basicKey(writeKey) });
        request.on('response', (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        });
        request.on('error', reject);
        request.end(body);
      });
    expect(await post('x'.repeat(8_000_000))).toBe(400);
    expect(await post(JSON.stringify({ batch: [] }))).toBe(200);
    agent.destroy();
  });

  test('of a body without end only so much is read', async () => {
    const request = http.request(`${serving.url}/v1/batch`, { method: 'POST', headers: basicKey(writeKey) });
    const chunk = Buffer.alloc(1 << 16, 0x20);
    const answer = await new Promise<string>((resolve) => {
      const write = (): void => {
        while (!request.destroyed && request.write(chunk));
      };
      request.on('drain', write);
      request.on('response', (response) => {
        resolve(`${response.statusCode}`);
        request.destroy();
      });
      // The server may have closed the connection before the answer was read.
      request.on('error', () => resolve('closed'));
      write();
    });
    expect(['400', 'closed']).toContain(answer);
    await stillTakes();
  });

  test('what all bodies under way hold is bounded: past it, 429', async () => {
    // One reader with a small bound, and requests that never end.
    const bodies = createBodyReader(300_000);
    const answers: unknown[] = [];
    const server = http.createServer((request, response) => {
      void bodies.read(request, 512_000).then((body) => {
        answers.push(body);
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    const sockets = Array.from({ length: 4 }, () => net.connect(port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n{"a":"${'x'.repeat(99_994)}`);
    }
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(answers).toEqual([expect.objectContaining({ status: 429, error: 'rate_limited' })]);
    // The others were kept, and go on when they can.
    for (const socket of sockets) socket.write(`${'x'.repeat(99_998)}"}`);
    while (answers.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(answers.slice(1)).toContainEqual(expect.objectContaining({ kind: 'body', bytes: 200_000 }));
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('slow senders', () => {
  const head = (length: number) =>
    `POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

  /** Everything that comes back until the connection is closed. */
  function trickle(bytes: string, everyMs: number | null): Promise<string> {
    return new Promise((resolve) => {
      let answer = '';
      const socket = net.connect(serving.port, '127.0.0.1', () => socket.write(bytes));
      const timer = everyMs === null ? undefined : setInterval(() => socket.write(' '), everyMs);
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(timer);
        resolve(answer);
      });
    });
  }

  test('a body that stops, or comes drop by drop, is given up', async () => {
    const said = await Promise.all([trickle(`${head(500)}{`, null), trickle(`${head(500)}{`, 100)]);
    for (const answer of said) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    await stillTakes();
  });

  test('a sender that hangs up in the middle harms nobody', async () => {
    await Promise.all(
      Array.from({ length: 200 }, async () => {
        const socket = net.connect(serving.port, '127.0.0.1', () => {
          socket.write(`${head(500)}{`);
          setTimeout(() => socket.resetAndDestroy(), 5);
        });
        socket.on('error', () => undefined);
        await new Promise((resolve) => socket.on('close', resolve));
      }),
    );
    await stillTakes();
  });

  test('thousands of connections that say nothing do not keep out one that does', async () => {
    const idle = await Promise.all(
      Array.from(
        { length: 3_000 },
        () =>
          new Promise<net.Socket>((resolve, reject) => {
            const socket = net.connect(serving.port, '127.0.0.1', () => resolve(socket));
            socket.on('error', reject);
          }),
      ),
    );
    try {
      await stillTakes();
    } finally {
      for (const socket of idle) socket.destroy();
    }
  });
});

describe('strange JSON', () => {
  test.each([
    ['objects', nested(10_000)],
    ['arrays', `${'['.repeat(15_000)}${']'.repeat(15_000)}`],
  ])('10,000 levels of %s', async (_, deep) => {
    const before = api.inlet.messages().length;
    const inTrack = `{"userId":"u","event":"E","properties":{"deep":${deep}}}`;
    const answers = await Promise.all([
      send('/v1/batch', `{"batch":[{"type":"track","userId":"u","event":"E","properties":{"deep":${deep}}}]}`),
      send('/v1/batch', `{"context":{"deep":${deep}},"batch":[{"type":"track","userId":"u","event":"E"}]}`),
      send('/v1/batch', `{"batch":[${deep}]}`),
      send('/v1/batch', `{"batch":${deep}}`),
      send('/v1/track', inTrack.length > 32_768 ? nested(5_000) : inTrack),
    ]);
    expect(answers.every(({ status }) => status === 200 || status === 400)).toBe(true);
    expect(api.inlet.messages()).toHaveLength(before);
    expect(api.discards.codes).toContain('nesting_too_deep');
    await stillTakes();
  });

  test('any body is answered with success or a clear refusal', async () => {
    const paths = fc.constantFrom('/v1/batch', '/v1/track', '/v1/g', '/v1/alias', '/v1/import');
    const item = fc.record(
      {
        type: fc.oneof(fc.constantFrom('track', 'identify', 'group', 'page', 'alias'), fc.jsonValue()),
        userId: fc.oneof(fc.constant('u'), fc.jsonValue()),
        event: fc.oneof(fc.constant('E'), fc.jsonValue()),
        messageId: fc.jsonValue(),
        timestamp: fc.jsonValue(),
        sentAt: fc.jsonValue(),
        context: fc.jsonValue(),
        integrations: fc.jsonValue(),
        properties: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const batch = fc.record(
      {
        batch: fc.oneof(fc.array(fc.oneof(item, fc.jsonValue())), fc.jsonValue()),
        context: fc.jsonValue(),
        integrations: fc.jsonValue(),
        sentAt: fc.jsonValue(),
        writeKey: fc.oneof(fc.constant(writeKey), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      batch.map((value) => JSON.stringify(value)),
      item.map((value) => JSON.stringify(value)),
      fc.json({ maxDepth: 20 }),
      fc.string({ unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(paths, body, fc.boolean(), async (path, text, withKey) => {
        const headers: Record<string, string> = withKey ? basicKey(writeKey) : {};
        const answer = await api.app.inject({ method: 'POST', url: path, headers, payload: Buffer.from(text) });
        expect([200, 400]).toContain(answer.statusCode);
        const json = answer.json();
        expect(json.success).toBe(answer.statusCode === 200);
        if (answer.statusCode === 400) expect([typeof json.error, typeof json.message]).toEqual(['string', 'string']);
      }),
      { numRuns: 500 },
    );
    for (const incoming of api.inlet.messages()) {
      expect(JSON.stringify(incoming.message)).toBe(incoming.text);
      expect(Buffer.byteLength(incoming.text ?? '')).toBeLessThan(33_500);
    }
  });
});
