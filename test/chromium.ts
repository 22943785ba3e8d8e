/**
 * A real browser for tests. In: nothing but a Chromium on this machine. Out: a page, and a record of what it asked for
 * over the network and of what is to be complained about. Promised: without Chromium the test fails and says what to
 * install; nothing but this machine can be reached, and whoever else the page asks for is among the complaints.
 */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { chromium, type Page } from 'playwright-core';

export interface Sent {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** What the page sent, to anybody, in order; preflights are not among it. */
  readonly sent: readonly Sent[];
  /** Path and status of each preflight that was answered. */
  readonly preflights: readonly { readonly path: string; readonly status: number }[];
  /** Errors and warnings of the console, exceptions that nobody caught, and requests to another machine. */
  readonly complaints: readonly string[];
  /** Runs a function in the page. Fails, instead of waiting, once the page asks another machine for something. */
  run<T>(act: () => T | Promise<T>): Promise<T>;
}

const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function findChromium(): string {
  const given = process.env.CHROMIUM_PATH;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const candidates =
    given === undefined ? programs.flatMap((name) => folders.map((folder) => path.join(folder, name))) : [given];
  const found = candidates.find(isProgram);
  if (found !== undefined) return found;
  throw new Error(
    given === undefined
      ? `This test needs Chromium, and none of ${programs.join(', ')} is in PATH. Install it (Debian: apt-get install chromium), or set CHROMIUM_PATH to the program.`
      : `This test needs Chromium, and CHROMIUM_PATH is ${given}, where no program is.`,
  );
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export async function openPage(): Promise<OpenPage> {
  const browser = await chromium.launch({
    executablePath: findChromium(),
    // As root, and in most containers, Chromium cannot make its sandbox. It only sees pages of ours.
    chromiumSandbox: false,
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  const page = await browser.newPage();
  const sent: Sent[] = [];
  const preflights: { path: string; status: number }[] = [];
  const complaints: string[] = [];
  const stray = new AbortController();
  page.on('request', (request) => {
    const url = new URL(request.url());
    sent.push({ method: request.method(), url, headers: request.headers() });
    if (url.protocol === 'data:' || url.hostname === '127.0.0.1') return;
    complaints.push(`The page sent a request to ${url.origin}.`);
    stray.abort(new Error(complaints.at(-1)));
  });
  page.on('console', (said) => {
    if (said.type() === 'error' || said.type() === 'warning') complaints.push(said.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  // Playwright does not tell of preflights; the browser does.
  const network = await page.context().newCDPSession(page);
  network.on('Network.responseReceived', ({ type, response }) => {
    if (type === 'Preflight') preflights.push({ path: new URL(response.url).pathname, status: response.status });
  });
  await network.send('Network.enable');
  return {
    page,
    sent,
    preflights,
    complaints,
    run: (act) =>
      new Promise((resolve, reject) => {
        stray.signal.throwIfAborted();
        stray.signal.addEventListener('abort', () => reject(stray.signal.reason), { once: true });
        page.evaluate(act).then(resolve, reject);
      }),
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
