/**
 * The files of the web app. In: the folder they were built into. Out: its files, and its page at `/` and at every other
 * address that a browser opens and no route has. Promised: files with a hash in their names are kept by browsers for a
 * year, all others are asked for anew; where nothing was built, the page says how to.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import type { PageAnswer } from '../transport.ts';
import { appHeaders } from './headers.ts';

export interface Pages {
  readonly answer: PageAnswer;
  /** Registers the files, when there are any. */
  files(app: FastifyInstance): Promise<void>;
}

/** `dist/web`, from the program as it is built and from its source. */
export function builtFolder(module = import.meta.url): string {
  return fileURLToPath(new URL(module.endsWith('.ts') ? '../../../dist/web/' : '../../web/', module));
}

const notBuilt = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Millrace</title></head>
<body><h1>Millrace runs, and its web app is not built</h1>
<p>Build it with <code>npm run build</code> in the folder of the program, and start the server again.</p>
<p>The APIs and the command line work without it.</p></body></html>
`;

/** Of names such as `index-BxY3kQ9a.js`. */
const hashed = /[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;
const yearSeconds = 31_536_000;

export async function openPages(folder: string): Promise<Pages> {
  const index = path.join(folder, 'index.html');
  const isBuilt = existsSync(index);
  const html = isBuilt ? await readFile(index, 'utf8') : notBuilt;
  return {
    answer(url, request, reply) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return false;
      if (!isPage(url, request.headers.accept)) return false;
      const nonce = randomBytes(16).toString('base64');
      // Each answer has a nonce of its own, so there is nothing a browser could keep.
      reply
        .headers(appHeaders(nonce))
        .headers({ 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-cache' })
        .code(200)
        .send(html.replace('</head>', `<meta name="csp-nonce" content="${nonce}"></head>`));
      return true;
    },
    async files(app) {
      app.addHook('onRequest', async (_, reply) => {
        reply.headers(appHeaders());
      });
      if (!isBuilt) return;
      await app.register(fastifyStatic, {
        root: folder,
        wildcard: false,
        index: false,
        globIgnore: ['index.html'],
        dotfiles: 'ignore',
        cacheControl: false,
        setHeaders: (response, file) => {
          const isKept = file.includes(`${path.sep}assets${path.sep}`) && hashed.test(file);
          response.header('Cache-Control', isKept ? `public, max-age=${yearSeconds}, immutable` : 'no-cache');
        },
      });
    },
  };
}

/** A missing file is a missing file, also to a browser. */
function isPage(url: string, accept: string | undefined): boolean {
  if (url === '/') return true;
  if (/^\/(?:v1|assets)(?:\/|$)/.test(url)) return false;
  return /\btext\/html\b/.test(accept ?? '');
}
