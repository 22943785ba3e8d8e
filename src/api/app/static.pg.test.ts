/** The pages: files, deep links, headers; and the paths of the APIs, which stay what they are. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../server.ts';
import { type AppServer, openAppServer } from './app.test-support.ts';
import { builtFolder } from './static.ts';

const page = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

let folder: string;
let server: AppServer;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-web-'));
  await mkdir(path.join(folder, 'assets'));
  await writeFile(path.join(folder, 'index.html'), '<!doctype html><html><head></head><body>the app</body></html>');
  await writeFile(path.join(folder, 'assets', 'index-BxY3kQ9a.js'), 'export {};');
  await writeFile(path.join(folder, 'favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  await writeFile(path.join(folder, '.env'), 'secret');
  server = await openAppServer({ folder });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

describe('the page', () => {
  test.each([['/'], ['/sources/src_1?tab=models'], ['/links/mrl_x'], ['/spaces/shop/profiles/email:a@example.org']])(
    '%s',
    async (url) => {
      const answer = await server.browser().call('GET', url, { headers: page });
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      expect(answer.headers['cache-control']).toBe('no-cache');
      expect(answer.text).toContain('the app');
    },
  );

  test('names the nonce of its policy, another one each time', async () => {
    const nonces = [];
    for (let no = 0; no < 2; no++) {
      const { text, headers } = await server.browser().call('GET', '/', { headers: page });
      const nonce = /<meta name="csp-nonce" content="([^"]{20,})">/.exec(text)?.[1];
      expect(headers['content-security-policy']).toContain(`style-src 'self' 'nonce-${nonce}';`);
      nonces.push(nonce);
    }
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  test('only for browsers that open an address, not for scripts and other methods', async () => {
    const script = { accept: 'application/json' };
    expect((await server.browser().call('GET', '/sources', { headers: script })).status).toBe(404);
    expect((await server.browser().call('POST', '/sources', { headers: page })).status).toBe(404);
    expect((await server.browser().call('HEAD', '/sources', { headers: page })).status).toBe(200);
  });

  test.each([
    ['/app/none', 404],
    ['/public-api/none', 404],
    ['/public-api/sources', 401],
    ['/v1/spaces/shop/none', 404],
    ['/v1/none', 404],
    ['/app/sign-in', 405],
    ['/assets/gone-BxY3kQ9a.js', 404],
    ['/healthz', 200],
    ['/openapi.json', 200],
  ])('is not the answer to %s', async (url, status) => {
    const answer = await server.browser().call('GET', url, { headers: page });
    expect([answer.status, answer.text.includes('the app')]).toEqual([status, false]);
  });
});

describe('files', () => {
  test('with a hash are kept, others are asked for anew', async () => {
    const kept = await server.browser().call('GET', '/assets/index-BxY3kQ9a.js');
    expect([kept.status, kept.headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
    expect(kept.headers['content-type']).toMatch(/javascript/);
    const icon = await server.browser().call('GET', '/favicon.svg');
    expect([icon.status, icon.headers['cache-control']]).toEqual([200, 'no-cache']);
    const again = await server.browser().call('GET', '/favicon.svg', {
      headers: { 'if-none-match': String(icon.headers.etag) },
    });
    expect(again.status).toBe(304);
  });

  test.each(['/.env', '/../package.json', '/%2e%2e/package.json', '/assets/..%2f..%2fpackage.json', '/index.html'])(
    '%s is none',
    async (url) => {
      expect((await server.browser().call('GET', url)).status).toBe(404);
    },
  );
});

test('every answer of the app has its headers, and none is for other origins', async () => {
  const ana = await server.person('ana@example.org');
  const urls = ['/', '/any', '/assets/index-BxY3kQ9a.js', '/app/me', '/app/none', '/app/sign-in'];
  for (const url of urls) {
    const { headers } = await ana.call('GET', url, { headers: { ...page, origin: 'http://millrace.test' } });
    const policy = String(headers['content-security-policy']);
    for (const rule of ["default-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
      expect([url, policy]).toEqual([url, expect.stringContaining(rule)]);
    }
    expect(policy).not.toContain('unsafe');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  }
});

test('where nothing was built, the page says how to; the APIs answer as ever', async () => {
  await using bare = await openAppServer({ folder: path.join(folder, 'none') });
  const answer = await bare.browser().call('GET', '/');
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('npm run build')]);
  expect((await bare.browser().call('GET', '/healthz')).status).toBe(200);
});

test('the folder is that of the build, from the source and from the program as it is built', () => {
  expect(builtFolder('file:///srv/millrace/src/api/app/static.ts')).toBe('/srv/millrace/dist/web/');
  expect(builtFolder('file:///srv/millrace/dist/api/app/static.js')).toBe('/srv/millrace/dist/web/');
});

test('over a real connection: sign in, ask, sign out', async () => {
  await using own = await openAppServer({ folder });
  await own.person('ana@example.org');
  await using serving = await serve(own.app, { host: '127.0.0.1', port: 0 });
  const post = (url: string, headers: Record<string, string>, body: object) =>
    fetch(serving.url + url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: serving.url, ...headers },
      body: JSON.stringify(body),
    });
  const signedIn = await post('/app/sign-in', {}, { email: 'ANA@example.org', password: 'correct horse battery' });
  expect(signedIn.status).toBe(200);
  const cookie = (signedIn.headers.get('set-cookie') as string).split(';')[0] as string;
  const { csrfToken } = ((await signedIn.json()) as { data: { csrfToken: string } }).data;
  expect((await fetch(`${serving.url}/public-api/`, { headers: { cookie } })).status).toBe(200);
  expect((await post('/app/sign-out', { cookie, 'x-csrf-token': csrfToken }, {})).status).toBe(200);
  expect((await fetch(`${serving.url}/public-api/`, { headers: { cookie } })).status).toBe(401);
});
