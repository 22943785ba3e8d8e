import { expect, test } from 'vitest';
import { MillraceError } from './errors.ts';
import { createLog } from './log.ts';

function capture(pretty = false) {
  const lines: string[] = [];
  const log = createLog({ level: 'info', pretty, destination: { write: (line) => void lines.push(line) } });
  return { log, lines, entry: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

test('entries are JSON lines with a level by name and a time', () => {
  const { log, entry } = capture();
  log.info({ sync: 'syn_1', rows: 3 }, 'sync finished');
  expect(entry()).toMatchObject({ level: 'info', msg: 'sync finished', sync: 'syn_1', rows: 3 });
  expect(Date.parse(String(entry().time))).not.toBeNaN();
});

test('fields named like secrets are hidden, at any of the usual depths', () => {
  const { log, lines } = capture();
  const secret = 'hunter2';
  log.info({
    password: secret,
    source: { password: secret, settings: { token: secret } },
    headers: { authorization: secret },
  });
  expect(lines.join()).not.toContain(secret);
  expect(lines.join()).toContain('[hidden]');
});

test("a database's error is logged without the values it quotes", () => {
  const { log, lines, entry } = capture();
  const canary = 'ann@example.com';
  const fault = Object.assign(new Error(`invalid input syntax for type integer: "${canary}"`), {
    name: 'error',
    severity: 'ERROR',
    code: '22P02',
    detail: `Key (email)=(${canary}) already exists.`,
    where: `COPY t, line 1: "${canary}"`,
  });
  log.error({ err: new MillraceError('internal', 'the batch failed', { cause: fault }) }, 'batch');
  expect(lines.join()).not.toContain(canary);
  expect(entry().err).toMatchObject({
    code: 'internal',
    message: 'the batch failed',
    cause: { code: '22P02', message: 'the database refused a value (SQLSTATE 22P02)' },
  });
});

test('readable lines have the time, the level, the text and the fields', () => {
  const { log, lines } = capture(true);
  log.warn({ rows: 3, name: 'a b', err: new MillraceError('internal', 'broken') }, 'slow');
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d warn {2}slow rows=3 name="a b"\n {2}internal MillraceError: broken\n {4}at /,
  );
  log.info('fine');
  expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d info {2}fine\n$/);
});

test('entries below the level are not written', () => {
  const { log, lines } = capture();
  log.debug('hidden');
  expect(lines).toEqual([]);
});
