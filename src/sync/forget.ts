/**
 * What syncs remember of people who are deleted. In: everything these people were known by. Out: the rows that were kept
 * of their failures are gone, with the memory of how often those failed. A row is theirs when the message that was built
 * for it carries one of their identifiers, or, without a message, when its record id is one of their user ids.
 *
 * Receipts that a killed sync left behind stay: they hold record ids and checksums only, and the next sync of their
 * mapping passes them on and deletes them. Without them it would send what was delivered a second time.
 */
import type { JsonObject } from '../base/json.ts';
import type { Database, Transaction } from '../db/db.ts';
import { createIdentifierReader, type PersonIdentifier } from '../space/space.ts';
import { printable, recordKey } from './failures.ts';

export interface KnownPeople {
  readonly userIds: readonly string[];
  readonly identifiers: readonly PersonIdentifier[];
}

export interface Forgotten {
  readonly syncRows: number;
  readonly failingRows: number;
}

const pageSize = 500;

export async function forgetPeople(db: Database, people: KnownPeople, signal?: AbortSignal): Promise<Forgotten> {
  await waitForWriters(db);
  const records = await db.transaction((tx) => forgetRecords(tx, people.userIds));
  const messages = await forgetMessages(db, people, signal);
  return {
    syncRows: records.syncRows + messages.syncRows,
    failingRows: records.failingRows + messages.failingRows,
  };
}

/**
 * Until what was being written is committed, and can be seen. Whoever begins later has looked whom to leave out (see
 * `suppressed.ts`) after these people were suppressed, if they are.
 */
async function waitForWriters(db: Database): Promise<void> {
  await db.transaction((tx) => tx.query('LOCK TABLE sync_rows IN SHARE MODE'));
}

/** Rows without a message, and failing rows, whose record id is a user id. */
async function forgetRecords(tx: Transaction, userIds: readonly string[]): Promise<Forgotten> {
  const rows = await tx.query('DELETE FROM sync_rows WHERE message IS NULL AND record_id = ANY($1)', [
    userIds.map(printable),
  ]);
  const failing = await tx.query('DELETE FROM failing_rows WHERE record_key = ANY($1)', [userIds.map(recordKey)]);
  return { syncRows: rows.rowCount ?? 0, failingRows: failing.rowCount ?? 0 };
}

interface StoredMessage {
  readonly sync_id: string;
  readonly no: string;
  readonly mapping_id: string | null;
  readonly record_id: string | null;
  readonly message: string;
}

async function forgetMessages(db: Database, people: KnownPeople, signal: AbortSignal | undefined): Promise<Forgotten> {
  const isTheirs = messageTest(people);
  const needles = needlesOf(people);
  const forgotten = { syncRows: 0, failingRows: 0 };
  let after: readonly [string, string] = ['', '-1'];
  for (;;) {
    signal?.throwIfAborted();
    const { rows }: { rows: StoredMessage[] } = await db.pool.query<StoredMessage>(
      `SELECT r.sync_id, r.no, s.mapping_id, r.record_id, r.message
       FROM sync_rows r LEFT JOIN syncs s ON s.id = r.sync_id
       WHERE r.message IS NOT NULL AND (r.sync_id, r.no) > ($1, $2)
         AND ($3::text[] IS NULL OR EXISTS (
           SELECT FROM unnest($3::text[]) AS t (needle) WHERE strpos(lower(r.message COLLATE "C"), needle) > 0))
       ORDER BY r.sync_id, r.no LIMIT $4`,
      [...after, needles, pageSize],
    );
    const theirs = rows.filter(({ message }) => isTheirs(message));
    if (theirs.length > 0) {
      const { syncRows, failingRows } = await db.transaction((tx) => forgetRows(tx, theirs));
      forgotten.syncRows += syncRows;
      forgotten.failingRows += failingRows;
    }
    const last = rows.at(-1);
    if (rows.length < pageSize || last === undefined) return forgotten;
    after = [last.sync_id, last.no];
  }
}

/** These rows, whatever other syncs kept of the same records, and how often those failed. */
async function forgetRows(tx: Transaction, rows: readonly StoredMessage[]): Promise<Forgotten> {
  const known = rows.flatMap(({ mapping_id, record_id }) =>
    mapping_id === null || record_id === null ? [] : [{ mapping_id, record_id }],
  );
  const mappings = known.map((row) => row.mapping_id);
  const gone = await tx.query(
    `DELETE FROM sync_rows WHERE (sync_id, no) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))
       OR (record_id, sync_id) IN (
         SELECT t.record_id, s.id FROM unnest($3::text[], $4::text[]) AS t (mapping_id, record_id)
         JOIN syncs s ON s.mapping_id = t.mapping_id)`,
    [rows.map((row) => row.sync_id), rows.map((row) => row.no), mappings, known.map((row) => row.record_id)],
  );
  const failing = await tx.query(
    'DELETE FROM failing_rows WHERE (mapping_id, record_key) IN (SELECT * FROM unnest($1::text[], $2::text[]))',
    [mappings, known.map((row) => recordKey(row.record_id))],
  );
  return { syncRows: gone.rowCount ?? 0, failingRows: failing.rowCount ?? 0 };
}

function messageTest({ userIds, identifiers }: KnownPeople): (text: string) => boolean {
  const keys = new Set(identifiers.map(({ type, value }) => `${type}:${value}`));
  for (const userId of userIds) keys.add(`user_id:${userId}`);
  const identifiersOf = createIdentifierReader();
  return (text) =>
    identifiersOf(JSON.parse(text) as JsonObject).some(({ type, value }) => keys.has(`${type}:${value}`));
}

/** With more, reading every message is faster than searching each for all. */
const mostNeedles = 100;

/**
 * What the text of a message of theirs must hold, in small letters: of each value the longest part that is written in JSON
 * as it is. Null when every message has to be read.
 */
function needlesOf({ userIds, identifiers }: KnownPeople): string[] | null {
  const values = new Set([...userIds, ...identifiers.map(({ value }) => value)]);
  if (values.size > mostNeedles) return null;
  return [...values].map((value) => {
    const plain = value.split(/[^ !#-[\]-~]+/);
    return plain.reduce((longest, part) => (part.length > longest.length ? part : longest), '').toLowerCase();
  });
}
