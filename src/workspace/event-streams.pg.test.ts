import { expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import {
  createEventStream,
  createSpace,
  findEventStream,
  findStreamByWriteKey,
  listEventStreams,
  removeEventStream,
  setEventStreamEnabled,
} from './workspace.ts';

test('a stream has its spaces in the order given, each once, by name, id or write key', async () => {
  await using db = await testDatabase();
  const [main, second] = [await createSpace(db.pool, 'main'), await createSpace(db.pool, 'second')];
  const wanted = { name: 'website', spaces: [second.writeKey, 'main', second.id], clientSide: true };
  const website = await createEventStream(db, wanted);
  expect(website).toEqual({
    id: expect.stringMatching(/^evs_[0-9A-Za-z]{27}$/),
    name: 'website',
    title: null,
    writeKey: expect.stringMatching(/^[0-9A-Za-z]{32}$/),
    moreWriteKeys: [],
    spaces: [second, main],
    enabled: true,
    clientSide: true,
    oauthEnforced: false,
    createdAt: expect.any(Date),
  });
  const billing = await createEventStream(db, {
    name: 'billing',
    spaces: ['main'],
    clientSide: false,
    writeKey: 'k-1_',
  });
  expect(billing.writeKey).toBe('k-1_');
  expect(await listEventStreams(db.pool)).toEqual([billing, website]);
});

test('what cannot be made says why, and leaves nothing', async () => {
  await using db = await testDatabase();
  const main = await createSpace(db.pool, 'main');
  const wanted = { name: 'website', spaces: ['main'], clientSide: false, writeKey: 'key' };
  for (const [change, code] of [
    [{ name: 'Web Site' }, 'name_invalid'],
    [{ spaces: [] }, 'event_stream_without_space'],
    [{ spaces: ['main', 'mian'] }, 'not_found'],
    [{ writeKey: '' }, 'write_key_invalid'],
    [{ writeKey: 'a b' }, 'write_key_invalid'],
    [{ writeKey: 'a\0' }, 'write_key_invalid'],
    [{ writeKey: 'x'.repeat(201) }, 'write_key_invalid'],
    [{ writeKey: main.writeKey }, 'write_key_taken'],
  ] as const) {
    await expect(createEventStream(db, { ...wanted, ...change })).rejects.toMatchObject({ code });
  }
  expect(await listEventStreams(db.pool)).toEqual([]);
  await createEventStream(db, wanted);
  await expect(createEventStream(db, { ...wanted, name: 'other' })).rejects.toMatchObject({
    code: 'write_key_taken',
    message: 'The event stream "website" has this write key.',
  });
  await expect(createEventStream(db, { ...wanted, writeKey: 'other' })).rejects.toMatchObject({
    code: 'name_taken',
    message: 'There is an event stream "website" already.',
  });
  await createEventStream(db, { ...wanted, name: 'longest', writeKey: 'x'.repeat(200) });
});

test('of five made at once with one name, or one write key, there is one', async () => {
  await using db = await testDatabase();
  await createSpace(db.pool, 'main');
  const make = (name: string, writeKey?: string) =>
    createEventStream(db, { name, spaces: ['main'], clientSide: false, writeKey });
  const named = await Promise.allSettled(Array.from({ length: 5 }, () => make('website')));
  const keyed = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => make(`app-${n}`, 'same')));
  for (const [results, code] of [
    [named, 'name_taken'],
    [keyed, 'write_key_taken'],
  ] as const) {
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code });
  }
});

test('is found by name, id and write key; a name goes before a write key', async () => {
  await using db = await testDatabase();
  await createSpace(db.pool, 'main');
  const website = await createEventStream(db, { name: 'website', spaces: ['main'], clientSide: true, writeKey: 'app' });
  for (const key of ['website', website.id, 'app']) expect(await findEventStream(db.pool, key)).toEqual(website);
  const app = await createEventStream(db, { name: 'app', spaces: ['main'], clientSide: true });
  expect(await findEventStream(db.pool, 'app')).toEqual(app);
  await expect(findEventStream(db.pool, 'webiste')).rejects.toMatchObject({
    code: 'not_found',
    message: 'There is no event stream "webiste".',
    help: 'Did you mean "website"?',
  });
  await expect(findEventStream(db.pool, 'web\0site')).rejects.toMatchObject({ code: 'not_found' });
});

test('a write key leads to its stream, enabled or not, until the stream is gone', async () => {
  await using db = await testDatabase();
  await createSpace(db.pool, 'main');
  const website = await createEventStream(db, { name: 'website', spaces: ['main'], clientSide: true });
  expect(await findStreamByWriteKey(db.pool, website.writeKey)).toEqual(website);
  const wrong = ['', 'website', website.id, `${website.writeKey}\0`, `${website.writeKey} `, website.writeKey.slice(1)];
  for (const key of wrong) expect(await findStreamByWriteKey(db.pool, key)).toBeNull();

  const off = { ...website, enabled: false };
  expect(await setEventStreamEnabled(db, website.id, false)).toEqual(off);
  expect(await setEventStreamEnabled(db, website.id, false)).toEqual(off);
  expect(await findStreamByWriteKey(db.pool, website.writeKey)).toEqual(off);
  expect(await setEventStreamEnabled(db, website.id, true)).toEqual(website);

  await removeEventStream(db, website.id);
  expect(await findStreamByWriteKey(db.pool, website.writeKey)).toBeNull();
  await expect(removeEventStream(db, website.id)).rejects.toMatchObject({ code: 'not_found' });
  await expect(setEventStreamEnabled(db, website.id, true)).rejects.toMatchObject({ code: 'not_found' });
});

test('looking a write key up uses its index', async () => {
  await using db = await testDatabase();
  const { rows } = await db.transaction(async (tx) => {
    await tx.query('SET LOCAL enable_seqscan = off');
    return tx.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT e.id, (SELECT jsonb_agg(to_jsonb(s)) FROM spaces s WHERE s.id = ANY (e.space_ids))
       FROM event_streams e WHERE e.write_key = 'x'`,
    );
  });
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/event_streams_write_key_key[\s\S]*spaces_pkey/);
});
