/** Sixteen writers at the same new people for a minute: nobody twice, nothing lost, and the obvious space agrees. */
import { expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { SlowSpace } from '../../test/slow-space.ts';
import { pictureOf, slowPictureOf } from '../../test/space-picture.ts';
import { createSpaceReader, createSpaceWriter, defaultSpaceSettings, type IncomingMessage } from './space.ts';

const minute = 60_000;
const writerCount = 16;
/** So long the same few identifiers are fought for; then new ones come. */
const roundMs = 2_000;

test('16 writers introduce the same identifiers and merge the same profiles for a minute', async () => {
  await using db = await testDatabase({ poolSize: 2 * writerCount });
  await db.pool.query('CREATE TABLE test_order (seq bigint PRIMARY KEY, writer int, batch int)');
  const { identifiers } = defaultSpaceSettings();
  // Room for everything, but for a second user id.
  const settings = {
    autoRegister: true,
    identifiers: identifiers.map((rule) => ({ ...rule, limit: rule.type === 'user_id' ? 1 : 50 })),
  };
  const space = { id: 'spa_1', no: 1, settings };
  const reader = createSpaceReader({ db });
  const sent: (readonly IncomingMessage[])[][] = [];
  const start = Date.now();
  let reads = 0;

  const work = async (writerNo: number) => {
    await using writer = createSpaceWriter({ db });
    const own: (readonly IncomingMessage[])[] = [];
    sent[writerNo] = own;
    const random = randomOf(writerNo + 1);
    while (Date.now() - start < minute) {
      const round = Math.floor((Date.now() - start) / roundMs);
      const batch = Array.from({ length: 1 + random(6) }, () => messageOf(round, random, writerNo, own.length));
      const no = own.push(batch) - 1;
      await writer.write(space, batch, async (tx) => {
        await tx.query('INSERT INTO test_order SELECT seq, $1, $2 FROM space_heads WHERE space_no = 1', [writerNo, no]);
      });
      if (random(20) > 0) continue;
      // What was just written is there.
      const { message } = batch[0] as IncomingMessage;
      const key = { kind: 'identifier', type: 'anonymous_id', value: String(message.anonymousId) } as const;
      if ((await reader.profile(1, 'users', key)) === null) throw new Error('written, but not found');
      reads += 1;
    }
  };
  await Promise.all(Array.from({ length: writerCount }, (_, no) => work(no)));

  const { rows } = await db.pool.query('SELECT writer, batch FROM test_order ORDER BY seq');
  expect(rows).toHaveLength(sent.flat().length);
  expect(rows.length).toBeGreaterThan(1_000);
  expect(reads).toBeGreaterThan(20);
  const slow = new SlowSpace(settings);
  for (const { writer, batch } of rows) {
    for (const { message, receivedAt } of sent[writer]?.[batch] ?? []) slow.apply(message, receivedAt.getTime());
  }
  const pictures = await pictureOf(reader, 1, 'users');
  const everyId = pictures.flatMap(({ ids }) => ids.split(' '));
  expect(new Set(everyId).size).toBe(everyId.length);
  expect(pictures.reduce((sum, { merges }) => sum + merges, 0)).toBeGreaterThan(50);
  expect(pictures).toEqual(slowPictureOf(slow, 'users'));
}, 180_000);

/** Numbers below `n`, the same in every run. */
function randomOf(seed: number): (n: number) => number {
  let state = seed * 2654435761;
  return (n) => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return Math.floor((state / 2 ** 32) * n);
  };
}

let lastArrival = 0;

function messageOf(round: number, random: (n: number) => number, writerNo: number, batchNo: number): IncomingMessage {
  const [user, anonymous, email] = [random(4), random(6), random(5)];
  // Arrivals differ, so that two writes of one trait never are of the same moment in two orders.
  lastArrival = Math.max(lastArrival + 1, Date.now());
  const message = {
    type: 'identify',
    ...(random(3) === 0 && { userId: `u${round}-${user}` }),
    anonymousId: `a${round}-${anonymous}`,
    traits: {
      ...(random(2) === 0 && { email: `e${round}-${email}@example.org` }),
      [`of_${writerNo}_${random(5)}`]: batchNo,
    },
  };
  return { message: JSON.parse(JSON.stringify(message)), receivedAt: new Date(lastArrival), sourceId: 'evs_1' };
}
