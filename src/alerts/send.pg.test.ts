/** The way of notices: a real listener, a real mail server, and what each may answer. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl, testLog } from '../../test/database.ts';
import { createLog } from '../base/log.ts';
import { connect } from '../db/connection.ts';
import type { Database } from '../db/db.ts';
import type { AlertChannel } from '../workspace/workspace.ts';
import {
  contextOf,
  listen,
  mailBox,
  putAlert,
  putMapping,
  type SetClock,
  setClock,
  until,
} from './alerts.test-support.ts';
import { type AlertContext, checkAlerts, listNotices, sendDue, startAlerts, testAlert } from './alerts.ts';
import { mostAttempts } from './outbox.ts';
import { signature } from './send-webhook.ts';

const hourMs = 3_600_000;

/** A failed sync by its row, with text that must arrive unharmed. */
async function failedSync(db: Database, id = 'syn_1'): Promise<void> {
  await db.pool.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, reason, help, started_at, finished_at, added, refused)
     VALUES ($1, 'mpg_1', 'people', 'm', 'd', 'failed', 'a < b & "c" é', 'Try again.', now(), now(), 3, 3)`,
    [id],
  );
}

async function withNotice(db: Database, channels: readonly AlertChannel[], more: Partial<AlertContext> = {}) {
  const clock = setClock();
  const context = await contextOf(db, { clock, patience: 30_000, ...more });
  await putAlert(context, { channels });
  await putMapping(db);
  await failedSync(db);
  expect(await checkAlerts(context)).toBe(1);
  return { context, clock };
}

const sendsOf = async (db: Database) => (await listNotices(db.pool)).items.flatMap(({ sends }) => sends);

/** Lets hours go by until nothing waits. */
async function sendAll(context: AlertContext, clock: SetClock): Promise<number> {
  for (let rounds = 1; ; rounds++) {
    await sendDue(context);
    const sends = await sendsOf(context.db);
    if (sends.every(({ state }) => state !== 'waiting')) return rounds;
    clock.pass(3 * hourMs);
  }
}

test('a webhook gets the notice as JSON, signed; 500 twice is tried again', async () => {
  await using db = await testDatabase();
  await using server = await listen((no, response) => {
    response.statusCode = no < 2 ? 500 : 200;
    response.end('canary-answer');
  });
  const webhook = { url: `${server.url}/hook?token=abc`, secret: 'shh' };
  const { context, clock } = await withNotice(db, [{ webhook }]);
  await sendDue(context);
  expect(await sendsOf(db)).toMatchObject([{ state: 'waiting', attempts: 1, answer: 'It answered 500.' }]);
  // Not before the pause is over.
  expect(await sendDue(context)).toBe(0);
  clock.pass(10_000);
  expect(await sendDue(context)).toBe(1);
  clock.pass(30_000);
  expect(await sendDue(context)).toBe(1);
  expect(await sendsOf(db)).toMatchObject([{ state: 'sent', attempts: 3, answer: 'It answered 200.' }]);
  const [first, , third] = server.received;
  expect(third?.path).toBe('/hook?token=abc');
  expect(third?.body).toBe(first?.body);
  const [notice] = (await listNotices(db.pool)).items;
  expect(JSON.parse(third?.body ?? '')).toEqual({
    id: notice?.id,
    phase: 'opened',
    alert: 'nightly',
    event: 'sync_failed',
    mapping: 'people',
    syncId: 'syn_1',
    what: 'A sync of people failed.',
    why: 'A < b & "c" é.',
    help: 'Try again.',
    path: '/destinations/dst_1/mappings/mpg_1/syncs/syn_1',
    url: null,
    counts: expect.objectContaining({ added: 3, refused: 3 }),
    at: notice?.createdAt.toISOString(),
  });
  const { 'x-millrace-timestamp': timestamp, 'x-millrace-signature': signed } = third?.headers ?? {};
  expect(signed).toBe(`sha256=${signature('shh', String(timestamp), third?.body ?? '')}`);
  expect(third?.headers['x-millrace-notice']).toBe(notice?.id);
});

test.each([
  ['hangs', 300, () => undefined, 'No answer within 0.3 seconds.'],
  [
    'cuts off',
    30_000,
    (_: number, response: { destroy(): void }) => response.destroy(),
    'No connection: it was cut off.',
  ],
])(
  'a webhook that %s is tried so many times and no more, then failed with the reason',
  async (_, patience, answer, reason) => {
    await using db = await testDatabase();
    await using server = await listen(answer);
    const { context, clock } = await withNotice(db, [{ webhook: { url: server.url } }], { patience });
    await sendAll(context, clock);
    expect(server.received).toHaveLength(mostAttempts);
    expect(await sendsOf(db)).toMatchObject([{ state: 'failed', attempts: mostAttempts, answer: reason }]);
    clock.pass(100 * hourMs);
    expect(await sendDue(context)).toBe(0);
  },
);

test('what will never be taken is not tried again; a redirect is not followed', async () => {
  await using db = await testDatabase();
  await using target = await listen();
  await using server = await listen((_, response) => {
    response.writeHead(404).end();
  });
  await using moved = await listen((_, response) => {
    response.writeHead(302, { location: target.url }).end();
  });
  const channels = [{ webhook: { url: server.url } }, { slack: { url: moved.url } }];
  const { context } = await withNotice(db, channels);
  await sendDue(context);
  expect(await sendsOf(db)).toMatchObject([
    { state: 'failed', attempts: 1, answer: 'It answered 404 and will not take this notice.' },
    { state: 'failed', attempts: 1, answer: expect.stringContaining('302') },
  ]);
  expect(target.received).toEqual([]);
});

test('Retry-After is obeyed', async () => {
  await using db = await testDatabase();
  await using server = await listen((no, response) => {
    response.writeHead(no === 0 ? 429 : 200, { 'retry-after': '600' }).end();
  });
  const { context, clock } = await withNotice(db, [{ webhook: { url: server.url } }]);
  await sendDue(context);
  clock.pass(599_000);
  expect(await sendDue(context)).toBe(0);
  clock.pass(1_000);
  expect(await sendDue(context)).toBe(1);
  expect(await sendsOf(db)).toMatchObject([{ state: 'sent' }]);
});

test.each([
  ['an HTTP date', (at: Date) => at.toUTCString()],
  [
    'the date form of RFC 850',
    (at: Date) => at.toUTCString().replace(/^(\w+), (\d+) (\w+) \d\d(\d\d)/, 'Friday, $2-$3-$4'),
  ],
])('Retry-After is obeyed as %s', async (_, written) => {
  await using db = await testDatabase();
  let until = '';
  await using server = await listen((no, response) => {
    response.writeHead(no === 0 ? 503 : 200, { 'retry-after': until }).end();
  });
  const { context, clock } = await withNotice(db, [{ webhook: { url: server.url } }]);
  // A date has whole seconds.
  clock.pass(1_000 - (clock.now().getTime() % 1_000));
  until = written(new Date(clock.now().getTime() + 600_000));
  await sendDue(context);
  clock.pass(599_000);
  expect(await sendDue(context)).toBe(0);
  clock.pass(1_000);
  expect(await sendDue(context)).toBe(1);
});

test('Slack gets one text, its special characters escaped', async () => {
  await using db = await testDatabase();
  await using server = await listen();
  const { context } = await withNotice(db, [{ slack: { url: server.url } }, { webhook: { url: server.url } }], {
    publicUrl: 'https://millrace.example.org/',
  });
  await sendDue(context);
  const bodies = server.received.map(({ body }) => JSON.parse(body) as Record<string, string>);
  const sent = bodies.find((body) => body.text !== undefined) ?? {};
  const link = 'https://millrace.example.org/destinations/dst_1/mappings/mpg_1/syncs/syn_1';
  expect(sent.text).toContain(`*Where:* ${link}\n`);
  expect(bodies.find((body) => body.text === undefined)).toMatchObject({ path: new URL(link).pathname, url: link });
  expect(Object.keys(sent)).toEqual(['text']);
  expect(sent.text).toContain('*[Millrace] Alert: A sync of people failed.*\n');
  expect(sent.text).toContain('*Why:* A &lt; b &amp; "c" é.');
  expect(sent.text).toContain('*Rows:* added 3, delivered 0, refused 3\n');
});

test('mail goes out as text and HTML; refused for now is tried again', async () => {
  await using db = await testDatabase();
  await using box = await mailBox((no) => (no === 0 ? 451 : 0), {
    user: 'mill',
    password: 'pass',
  });
  const mail = { url: box.url, from: 'alerts@example.com' };
  const { context, clock } = await withNotice(db, [{ email: { to: ['a@example.com', 'b@example.com'] } }], {
    ...{ mail, publicUrl: 'https://millrace.example.org' },
  });
  await sendDue(context);
  expect(await sendsOf(db)).toMatchObject([{ state: 'waiting', answer: 'The mail server answered 451.' }]);
  clock.pass(10_000);
  await sendDue(context);
  expect(await sendsOf(db)).toMatchObject([{ state: 'sent', answer: 'The mail server took it.' }]);
  expect(box.mails).toMatchObject([{ from: 'alerts@example.com', to: ['a@example.com', 'b@example.com'] }]);
  // Soft line breaks of the encoding say nothing.
  const source = box.mails[0]?.source.replaceAll('=\r\n', '') ?? '';
  const [notice] = (await listNotices(db.pool)).items;
  expect(source).toContain('Subject: [Millrace] Alert: A sync of people failed.');
  expect(source).toContain(`Message-ID: <${notice?.id}@millrace>`);
  expect(source).toContain('Content-Type: text/plain');
  expect(source).toContain('Content-Type: text/html');
  expect(source).toContain('Where: https://millrace.example.org/destinations/dst_1/mappings/mpg_1/syncs/syn_1');
  expect(source).toContain('<td>A &lt; b &amp; &quot;c&quot; =C3=A9.</td>');
});

test('mail that cannot go out says why: no server, a wrong password, refused for good, nobody there', async () => {
  await using db = await testDatabase();
  await using strict = await mailBox(() => 550);
  await using locked = await mailBox(() => 0, { user: 'a', password: 'b' });
  const wrong = locked.url.replace('a:b@', 'a:canary-password@');
  const { context } = await withNotice(db, [{ email: { to: ['ops@example.com'] } }]);
  const answers: (string | undefined)[] = [];
  const from = 'alerts@example.com';
  const nowhere = { url: 'smtp://127.0.0.1:1', from };
  for (const mail of [null, { url: wrong, from }, { url: strict.url, from }, nowhere]) {
    const { channels } = await testAlert({ ...context, mail }, 'nightly');
    expect(channels).toMatchObject([{ sent: false }]);
    answers.push(channels[0]?.answer);
  }
  expect(answers).toEqual([
    'No mail server is configured: set MILLRACE_SMTP_URL where Millrace runs.',
    'The mail server refused the user and password of MILLRACE_SMTP_URL.',
    'The mail server answered 550 and will not take this notice.',
    expect.stringContaining('No connection to the mail server'),
  ]);
  expect(answers.join()).not.toContain('canary');
});

test.each([
  ['says nothing', () => undefined],
  ['drips', (socket: Socket) => void setInterval(() => socket.writable && socket.write('220-wait\r\n'), 50).unref()],
])('a mail server that %s is given up for now', async (_, talk) => {
  await using db = await testDatabase();
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    talk(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const mail = { url, from: 'alerts@example.com' };
  const { context } = await withNotice(db, [{ email: { to: ['ops@example.com'] } }], { mail, patience: 100 });
  await sendDue(context);
  expect(await sendsOf(db)).toMatchObject([{ state: 'waiting', answer: 'The mail server did not answer in time.' }]);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('a test goes through every channel once, and is in the list', async () => {
  await using db = await testDatabase();
  await using good = await listen();
  await using bad = await listen((_, response) => {
    response.writeHead(503).end();
  });
  const context = await contextOf(db);
  await putAlert(context, { channels: [{ webhook: { url: good.url } }, { slack: { url: bad.url } }] });
  const { noticeId, channels } = await testAlert(context, 'nightly');
  expect(channels).toEqual([
    { channelNo: 0, channel: 'webhook', sent: true, answer: 'It answered 200.' },
    { channelNo: 1, channel: 'slack', sent: false, answer: 'It answered 503.' },
  ]);
  const { items } = await listNotices(db.pool);
  expect(items).toMatchObject([{ id: noticeId, phase: 'test', sends: [{ state: 'sent' }, { state: 'failed' }] }]);
  expect(await sendDue(context)).toBe(0);
  await expect(testAlert(context, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
});

test('what waits goes to the channel as it is configured then; a channel that is gone ends it', async () => {
  await using db = await testDatabase();
  await using server = await listen();
  const { context, clock } = await withNotice(db, [
    { webhook: { url: 'http://127.0.0.1:1/' } },
    { slack: { url: 'http://127.0.0.1:1/' } },
  ]);
  await sendDue(context);
  expect(await sendsOf(db)).toMatchObject([
    { state: 'waiting', answer: 'No connection: it was refused.' },
    { state: 'waiting' },
  ]);
  await putAlert(context, { channels: [{ webhook: { url: server.url } }] });
  clock.pass(10_000);
  await sendDue(context);
  expect(await sendsOf(db)).toMatchObject([
    { state: 'sent' },
    { state: 'failed', answer: expect.stringContaining('was removed') },
  ]);
});

test('a process that dies with a send leaves it to the next', async () => {
  await using db = await testDatabase();
  await using server = await listen();
  const { context, clock } = await withNotice(db, [{ webhook: { url: server.url } }]);
  // As a process leaves it that was killed while it sent.
  await db.pool.query(`UPDATE alert_sends SET attempts = 1, next_at = $1`, [new Date(clock.now().getTime() + 120_000)]);
  expect(await sendDue(context)).toBe(0);
  clock.pass(120_000);
  expect(await sendDue(context)).toBe(1);
  expect(await sendsOf(db)).toMatchObject([{ state: 'sent', attempts: 2 }]);
  expect(server.received).toHaveLength(1);
});

test('two servers on one database say it once, and stop at once with a channel that hangs', async () => {
  await using db = await testDatabase();
  await using server = await listen();
  await using deaf = await listen(() => undefined);
  await using other = await connect({ url: testDatabaseUrl(db), log: testLog('warn'), poolSize: 5 });
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line: string) => void lines.push(line) } });
  const context = await contextOf(db, { clock: { now: () => new Date() }, log, patience: 600_000 });
  await putAlert(context, {
    channels: [{ webhook: { url: `${server.url}/canary-path` } }, { slack: { url: `${deaf.url}/canary-deaf` } }],
  });
  await putMapping(db);
  {
    await using _one = startAlerts({ ...context, everyMs: 5, keepDays: 1 });
    await using _two = startAlerts({ ...context, db: other, everyMs: 5, keepDays: 1 });
    for (let no = 1; no <= 20; no++) await failedSync(db, `syn_${no}`);
    await until(() => server.received.length > 0 && deaf.received.length > 0);
    const told = async () =>
      (await db.pool.query<{ left: string }>('SELECT count(*) AS left FROM syncs WHERE NOT alerts_told')).rows[0]?.left;
    await until(async () => (await told()) === '0');
  }
  expect((await listNotices(db.pool)).items).toHaveLength(1);
  expect(server.received).toHaveLength(1);
  expect(deaf.received).toHaveLength(1);
  expect(await sendsOf(db)).toMatchObject([
    { state: 'sent' },
    { state: 'waiting', answer: 'This process was stopped while it sent.' },
  ]);
  expect(lines.join('')).not.toContain('canary');
});
