import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase, testLog } from '../../test/database.ts';
import type { Database, Queryable } from '../db/db.ts';
import { createDiscardLog, type DiscardLog, pruneDiscards, readDiscards } from './workspace.ts';

let database: Database;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

let streams = 0;
const newStream = () => `evs_${++streams}`;
const log = testLog();

function clockAt(at: Date = new Date()) {
  const clock = { at, now: () => clock.at };
  return clock;
}

/** Opens a log, notes, and closes it, so that everything is written. */
async function noting(note: (discards: DiscardLog) => void, clock = clockAt()): Promise<void> {
  await using discards = createDiscardLog({ db: database.pool, clock, log });
  note(discards);
}

test('counts by reason, with at most ten message ids, however often it writes', async () => {
  const stream = newStream();
  await noting((discards) => {
    for (let i = 0; i < 8; i++) discards.note(stream, 'id_not_string', `m-${i}`, 1);
    discards.note(stream, 'batch_count_exceeded', null, 100);
  });
  await noting((discards) => {
    for (let i = 8; i < 20; i++) discards.note(stream, 'id_not_string', `m-${i}`, 1);
  });
  const entries = await readDiscards(database.pool, stream);
  expect(entries.map(({ code, count }) => [code, count])).toEqual([
    ['batch_count_exceeded', 100],
    ['id_not_string', 20],
  ]);
  expect(entries.map(({ samples }) => samples.length)).toEqual([0, 10]);
});

test('counts each day for itself, with its first and last moment', async () => {
  const stream = newStream();
  const clock = clockAt(new Date('2025-11-20T23:59:59.999Z'));
  const later = new Date('2025-11-21T08:00:00.000Z');
  await noting((discards) => {
    discards.note(stream, 'event_not_defined', 'old', 1);
    clock.at = new Date('2025-11-21T00:00:00.000Z');
    discards.note(stream, 'event_not_defined', 'new', 1);
    clock.at = later;
    discards.note(stream, 'event_not_defined', null, 1);
  }, clock);
  expect(await readDiscards(database.pool, stream)).toEqual([
    {
      day: '2025-11-21',
      code: 'event_not_defined',
      count: 2,
      firstAt: '2025-11-21T00:00:00.000Z',
      lastAt: later.toISOString(),
      samples: ['new'],
    },
    expect.objectContaining({ day: '2025-11-20', count: 1, samples: ['old'] }),
  ]);
});

test('writes by itself after a moment, and the rest at the end', async () => {
  const stream = newStream();
  {
    await using discards = createDiscardLog({ db: database.pool, clock: clockAt(), log });
    discards.note(stream, 'invalid_type', null, 1);
    while ((await readDiscards(database.pool, stream)).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    discards.note(stream, 'invalid_type', null, 1);
  }
  expect(await readDiscards(database.pool, stream)).toMatchObject([{ count: 2 }]);
});

test('keeps ids that the database cannot hold in a form it can, and long ones short', async () => {
  const stream = newStream();
  const ids = ['nul\0', 'half \ud800', '😀'.repeat(5_000), `a${'😀'.repeat(5_000)}`, '"quoted", {braced}', ''];
  await noting((discards) => {
    for (const id of ids) discards.note(stream, 'message_id_too_long', id, 1);
  });
  const [entry] = await readDiscards(database.pool, stream);
  expect(entry?.samples).toEqual([
    '"nul\\u0000"',
    '"half \\ud800"',
    '😀'.repeat(100),
    `a${'😀'.repeat(99)}`,
    '"quoted", {braced}',
    '',
  ]);
});

test('a try that fails half-way counts nothing, and the next one everything once', async () => {
  const stream = newStream();
  let tries = 0;
  const db = {
    query: async (...given: [string, unknown[]]) => {
      tries += 1;
      if (tries === 2) throw new Error('away');
      return database.pool.query(...given);
    },
  } as unknown as Queryable;
  {
    await using discards = createDiscardLog({ db, clock: clockAt(), log });
    discards.note(stream, 'warm_up', null, 1);
    while (tries < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const code of ['a', 'b', 'c']) discards.note(stream, code, `first ${code}`, 1);
    while (tries < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    discards.note(stream, 'b', null, 1);
  }
  const entries = await readDiscards(database.pool, stream);
  const counts = Object.fromEntries(entries.map(({ code, count }) => [code, count]));
  expect(counts).toEqual({ warm_up: 1, a: 1, b: 2, c: 1 });
});

test('several processes count together', async () => {
  const codes = Array.from({ length: 40 }, (_, i) => `code_${i}`);
  const stream = newStream();
  await Promise.all(
    Array.from({ length: 40 }, async (_, process) => {
      const mine = process % 2 === 0 ? codes : codes.toReversed();
      await noting((discards) => {
        for (const code of mine) discards.note(stream, code, null, 1);
      });
    }),
  );
  const entries = await readDiscards(database.pool, stream);
  expect(entries.map(({ count }) => count)).toEqual(codes.map(() => 40));
});

test('old days are forgotten', async () => {
  const stream = newStream();
  for (const day of ['28', '29']) {
    const clock = clockAt(new Date(`2024-02-${day}T23:59:59Z`));
    await noting((discards) => discards.note(stream, 'invalid_type', null, 1), clock);
  }
  expect(await pruneDiscards(database.pool, new Date('2024-02-29T00:00:00Z'))).toBe(1);
  expect((await readDiscards(database.pool, stream)).map(({ day }) => day)).toEqual(['2024-02-29']);
});
