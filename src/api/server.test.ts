import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { MillraceError } from '../base/errors.ts';
import { serve } from './server.ts';

test('the bound port is reported, and closing frees it', async () => {
  const serving = await serve(Fastify(), { host: '127.0.0.1', port: 0 });
  expect(serving.port).toBeGreaterThan(0);
  expect(serving.url).toBe(`http://127.0.0.1:${serving.port}`);
  expect((await fetch(serving.url)).status).toBe(404);
  await serving.close();
  await using again = await serve(Fastify(), { host: '127.0.0.1', port: serving.port });
  expect(again.port).toBe(serving.port);
});

test('a taken port is named, with what to do', async () => {
  await using first = await serve(Fastify(), { host: '127.0.0.1', port: 0 });
  const second = Fastify();
  const error = await serve(second, { host: '127.0.0.1', port: first.port }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(MillraceError);
  expect(error.code).toBe('port_taken');
  expect(error.message).toContain(String(first.port));
  expect(error.help).toContain('--port');
  await second.close();
});

test('an address of another machine is refused by name', async () => {
  const app = Fastify();
  const error = await serve(app, { host: '192.0.2.1', port: 0 }).catch((thrown) => thrown);
  expect([error.code, error.message]).toEqual(['listen_host_unknown', '192.0.2.1 is not an address of this machine.']);
  await app.close();
});

test('closing finishes the requests that run', async () => {
  const app = Fastify();
  let arrive = (): void => {};
  let finish = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const mayFinish = new Promise<void>((resolve) => {
    finish = resolve;
  });
  app.get('/slow', async () => {
    arrive();
    await mayFinish;
    return 'done';
  });
  const serving = await serve(app, { host: '127.0.0.1', port: 0 });
  const agent = new http.Agent({ keepAlive: true });
  const body = new Promise<string>((resolve, reject) => {
    const request = http.get(`${serving.url}/slow`, { agent }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
  });
  await arrived;
  let closed = false;
  const closing = serving.close().then(() => {
    closed = true;
  });
  await expect(fetch(serving.url)).rejects.toThrow();
  expect(closed).toBe(false);
  finish();
  expect(await body).toBe('done');
  await closing;
  agent.destroy();
});

test('a connection without a request does not hold up closing', async () => {
  const serving = await serve(Fastify(), { host: '127.0.0.1', port: 0 });
  const socket = net.connect(serving.port, '127.0.0.1');
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  await serving.close();
  await closed;
});
