// Pictures of the main pages, taken of the demo in a real Chromium, for docs/images. Run by `npm run screenshots`; the
// program must have been built. `--folder DIR`, `--width 390`, `--dark` and `--only NAME` are for looking at other forms.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openPage } from '../test/chromium.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: 'docs/images' },
    width: { type: 'string', default: '1280' },
    dark: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});

let browser;
const data = await mkdtemp(path.join(tmpdir(), 'millrace-pictures-'));
const server = spawn(process.execPath, ['dist/cli/main.js', 'demo', '--data-folder', data, '--port', '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const link = await linkOf(server);
  await mkdir(values.folder, { recursive: true });
  browser = await openPage();
  const { page } = browser;
  await page.setViewportSize({ width: Number(values.width), height: 820 });
  await page.emulateMedia({ colorScheme: values.dark ? 'dark' : 'light', reducedMotion: 'reduce' });
  await page.goto(link);
  await page.getByLabel('Name').fill('Ana');
  await page.getByLabel('E-mail').fill('ana@example.com');
  await page.locator('input[name=password]').fill('a password for pictures');
  await page.getByRole('button', { name: 'Create my account' }).click();
  await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor();
  const ask = (url, init) =>
    page.evaluate(
      async ([to, how]) => {
        const me = await (await fetch('/app/me')).json();
        const headers = { 'content-type': 'application/json', 'x-csrf-token': me.data.csrfToken };
        return (await fetch(to, { ...how, headers })).json();
      },
      [url, init ?? {}],
    );
  for (const [name, to, before] of await pictures(ask)) {
    if (values.only !== undefined && values.only !== name) continue;
    await page.goto(new URL(to, link).href);
    await page.locator('h1').waitFor();
    if (before !== undefined) await before(page);
    await page.waitForLoadState('networkidle').catch(() => undefined);
    await page.waitForTimeout(400);
    const file = path.join(values.folder, `${name}.png`);
    await page.screenshot({ path: file, fullPage: true });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    console.log(file, wider ? '(wider than the window)' : '');
  }
  for (const complaint of browser.complaints) console.log('complaint:', complaint);
} finally {
  await browser?.[Symbol.asyncDispose]();
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await ended;
  await rm(data, { recursive: true, force: true });
}

function linkOf({ stdout }) {
  return new Promise((resolve, reject) => {
    let text = '';
    stdout.on('data', (part) => {
      text += part;
      const found = /http:\S+\/links\/\S+/.exec(text);
      if (found !== null) resolve(found[0]);
    });
    stdout.on('end', () => reject(new Error(`The demo ended:\n${text}`)));
  });
}

/** One that is made, once it has looked at all profiles. */
async function made(ask, path, key, body) {
  let { [key]: one } = (await ask(path, { method: 'POST', body: JSON.stringify(body) })).data;
  while (one.status === 'Backfilling') {
    await new Promise((resolve) => setTimeout(resolve, 500));
    one = (await ask(`${path}/${one.id}`)).data[key];
  }
  return one;
}

/** Name, address, and what is done before. */
async function pictures(ask) {
  const api = '/public-api';
  const { destinations } = (await ask(`${api}/destinations`)).data;
  const [destination] = destinations;
  const { subscriptions } = (await ask(`${api}/destinations/${destination.id}/subscriptions`)).data;
  const [mapping] = subscriptions;
  const { models } = (await ask(`${api}/reverse-etl-models`)).data;
  const { spaces } = (await ask(`${api}/spaces`)).data;
  const [space] = spaces;
  const { syncs } = (await ask(`${api}/reverse-etl-syncs?status=FAILED`)).data;
  const { syncs: all } = (await ask(`${api}/reverse-etl-syncs`)).data;
  const sync = syncs[0] ?? all.at(-1);
  const at = `/destinations/${destination.id}/mappings/${mapping.id}`;
  const collection = `/v1/spaces/${space.id}/collections/users/profiles`;
  const { segment_id: profile } = await ask(`${collection}/user_id:c-00042/metadata`);
  const audiences = `${api}/spaces/${space.id}/audiences`;
  const audience = await made(ask, audiences, 'audience', {
    ...{ name: 'On a paid plan', description: 'Whoever pays, now.', audienceType: 'USERS' },
    definition: { query: "trait('plan').one_of('team', 'business')" },
  });
  await made(ask, `${api}/spaces/${space.id}/computed-traits`, 'computedTrait', {
    ...{
      name: 'Pages in 30 days',
      definition: { type: 'USERS', query: "event('Page Viewed').within(30 days).count()" },
    },
  });
  const one = `/audiences/${space.id}/audience/${audience.id}`;
  const previewed = async (page) => {
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('would be in it.').waitFor();
    // The pointer leaves, and the page is seen from its top.
    await page.evaluate(() => window.scrollTo(0, 0));
  };
  const byRole = (role, name) => (page) => page.getByRole(role, { name }).first().click();
  return [
    ['overview', '/'],
    ['sources', '/sources'],
    ['model', `/models/${models[0].id}`, byRole('button', 'Preview 10 rows')],
    ['destination', `/destinations/${destination.id}`],
    ['mappings', `/destinations/${destination.id}?tab=mappings`],
    ['mapping-form', `${at}/edit`],
    ['mapping', at],
    ['plan', at, byRole('button', 'Plan')],
    ['sync', `/destinations/${sync.destinationId}/mappings/${sync.subscriptionId}/syncs/${sync.syncId}`],
    ['profiles', `/profiles?space=${space.id}`],
    ['profile', `/profiles/${space.id}/${profile}`],
    ['profile-identifiers', `/profiles/${space.id}/${profile}?tab=identifiers`],
    ['profile-events', `/profiles/${space.id}/${profile}?tab=events`],
    ['audiences', '/audiences'],
    ['computed-traits', '/audiences?kind=computed_trait'],
    ['audience-new', `/audiences/${space.id}/new`],
    ['audience-form', `${one}/edit`, previewed],
    ['audience', one],
    ['spaces', '/spaces'],
    ['space-identity', `/spaces/${space.id}?tab=identity`],
    ['space-live', `/spaces/${space.id}?tab=live`],
    ['usage', '/usage'],
    ['people', '/settings/people'],
    ['tokens', '/settings/tokens'],
    ['alerts', '/settings/alerts'],
    ['audit', '/settings/audit'],
    ['you', '/settings/you'],
  ];
}
