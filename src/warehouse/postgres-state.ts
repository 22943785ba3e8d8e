/** The records tables in a Postgres warehouse. In: entries. Out: one statement each; safe to repeat. */
import { finished } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { isMillraceError, MillraceError } from '../base/errors.ts';
import { identifier } from './postgres-dialect.ts';
import { postgresFailure, postgresReport } from './postgres-errors.ts';
import type { RecordEntry } from './warehouse.ts';

export interface StateTable {
  readonly schema: string;
  readonly name: string;
  /** Quoted, with its schema. */
  readonly full: string;
}

export async function postgresStateExists(pool: pg.Pool, table: StateTable): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2`,
    [table.schema, table.name],
  );
  return rowCount === 1;
}

/** Tables of earlier versions do not have the column. */
export async function postgresStateMarks(pool: pg.Pool, table: StateTable): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
     WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = 'delivered_by' AND NOT a.attisdropped`,
    [table.schema, table.name],
  );
  return rowCount === 1;
}

/**
 * CREATE and ADD … IF NOT EXISTS ask for the right to create, or to own, even when there is nothing to do, so we look
 * first.
 */
export async function preparePostgresState(pool: pg.Pool, table: StateTable): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await pool.query('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [table.schema]);
      if (found.rowCount === 0) await pool.query(`CREATE SCHEMA IF NOT EXISTS ${identifier(table.schema)}`);
      if (await postgresStateExists(pool, table)) return await markPostgresState(pool, table);
      await pool.query(`
        CREATE TABLE IF NOT EXISTS ${table.full} (
          record_id text COLLATE "C" PRIMARY KEY, checksum uuid, revision integer NOT NULL, delivered_by integer
        ) WITH (fillfactor = 80)`);
      return;
    } catch (error) {
      if (isMillraceError(error)) throw error;
      const { code } = postgresReport(error);
      // Somebody made the same schema or table at the same moment.
      if (attempt < 5 && /^(23505|42P06|42P07)$/.test(code)) continue;
      throw code === '42501' ? await denied(pool, table) : postgresFailure(error, 'Preparing the state');
    }
  }
}

async function markPostgresState(pool: pg.Pool, table: StateTable): Promise<void> {
  if (await postgresStateMarks(pool, table)) return;
  const statement = `ALTER TABLE ${table.full} ADD COLUMN IF NOT EXISTS delivered_by integer`;
  await pool.query(statement).catch((error: unknown) => {
    if (postgresReport(error).code !== '42501') throw error;
    throw new MillraceError('state_schema_denied', `The table ${table.full} lacks a column that we may not add.`, {
      help: `Run as its owner: ${statement};`,
    });
  });
}

async function denied(pool: pg.Pool, table: StateTable): Promise<MillraceError> {
  const { rows } = await pool.query<{ me: string; place: string; there: boolean }>(
    `SELECT current_user AS me, current_database() AS place,
       EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1) AS there`,
    [table.schema],
  );
  const { me = '', place = '', there = false } = rows[0] ?? {};
  const [schema, user] = [identifier(table.schema), identifier(me)];
  const statements = there
    ? [`GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${user};`]
    : [`CREATE SCHEMA ${schema} AUTHORIZATION ${user};`];
  const other = there
    ? ''
    : ` Or let it create the schema itself: GRANT CREATE ON DATABASE ${identifier(place)} TO ${user};`;
  return new MillraceError(
    'state_schema_denied',
    `The user ${me} may not ${there ? `create tables in the schema ${table.schema}` : `create the schema ${table.schema}`} in ${place}.`,
    { help: `Run as a user who may: ${statements.join(' ')}${other}` },
  );
}

/** Entries of one statement. */
const lump = 20_000;

type Insert = (client: pg.PoolClient, table: StateTable, entries: readonly RecordEntry[]) => Promise<void>;

/** `fresh` entries are copied, which costs half; entries that are there after all (a repeated write) are merged. */
export async function writePostgresRecords(
  pool: pg.Pool,
  table: StateTable,
  entries: readonly RecordEntry[],
  fresh: boolean,
): Promise<void> {
  const last = [...new Map(entries.map((entry) => [entry.recordId, entry])).values()];
  try {
    await write(pool, table, last, fresh ? copy : merge).catch(async (error: unknown) => {
      if (!fresh || postgresReport(error).code !== '23505') throw error;
      await write(pool, table, last, merge);
    });
  } catch (error) {
    throw writeFailure(error, table);
  }
}

async function write(pool: pg.Pool, table: StateTable, entries: readonly RecordEntry[], insert: Insert): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    for (let from = 0; from < entries.length; from += lump) {
      await insert(client, table, entries.slice(from, from + lump));
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

const copy: Insert = async (client, table, entries) => {
  const stream = client.query(copyFrom(`COPY ${table.full} (record_id, checksum, revision, delivered_by) FROM STDIN`));
  stream.end(entries.map(copyLine).join(''));
  await finished(stream);
};

/** A line of COPY's text format. */
function copyLine({ recordId, checksum, revision, deliveredBy }: RecordEntry): string {
  const id = /[\\\n\r\t]/.test(recordId) ? recordId.replace(/[\\\n\r\t]/g, escapeCopied) : recordId;
  return `${id}\t${checksum ?? '\\N'}\t${revision}\t${deliveredBy ?? '\\N'}\n`;
}

function escapeCopied(char: string): string {
  const names: Readonly<Record<string, string>> = { '\n': 'n', '\r': 'r', '\t': 't' };
  return `\\${names[char] ?? char}`;
}

const merge: Insert = async (client, table, entries) => {
  await client.query(
    `INSERT INTO ${table.full} AS kept (record_id, checksum, revision, delivered_by)
     SELECT * FROM unnest($1::text[], $2::uuid[], $3::int4[], $4::int4[])
     ON CONFLICT (record_id) DO UPDATE SET
       checksum = excluded.checksum, revision = excluded.revision, delivered_by = excluded.delivered_by
     WHERE kept.revision < excluded.revision`,
    [
      entries.map((entry) => entry.recordId),
      entries.map((entry) => entry.checksum),
      entries.map((entry) => entry.revision),
      entries.map((entry) => entry.deliveredBy),
    ],
  );
};

function writeFailure(error: unknown, table: StateTable): MillraceError {
  if (postgresReport(error).code !== '42501') return postgresFailure(error, 'Remembering what was delivered');
  return new MillraceError('state_schema_denied', `The table ${table.full} may not be written.`, {
    help: `Run as its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ${table.full} TO the user of the source;`,
  });
}
