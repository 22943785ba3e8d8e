/**
 * The schema's history: numbered SQL files, applied once each, in order, forward only. In: a pool. Out: a database at the
 * version this program knows. Promised: any number of processes may run it at once; a database that is newer, or whose
 * past differs from the files, is refused unchanged.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Pool, PoolClient } from 'pg';
import { MillraceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

export interface Migration {
  readonly no: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Any number, the same in all our processes: `millrace` read as bytes, shortened to 48 bits. */
const advisoryLock = 0x6d696c6c7261;

const ownFolder = fileURLToPath(new URL('./migrations/', import.meta.url));

/** Reads `NNNN-name.sql` files, in order. */
export async function readMigrations(folder = ownFolder): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => {
      const match = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file);
      if (match === null) throw new MillraceError('internal', `The migration file ${file} is not named NNNN-name.sql.`);
      const sql = await readFile(`${folder}/${file}`, 'utf8');
      const checksum = createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex');
      return { no: Number(match[1]), name: match[2] as string, sql, checksum };
    }),
  );
}

/** Brings the database to the newest of `migrations`. Returns the numbers that were applied now. */
export async function migrate(pool: Pool, log: Log, migrations?: readonly Migration[]): Promise<readonly number[]> {
  const known = migrations ?? (await readMigrations());
  const client = await pool.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [advisoryLock]);
    const applied = await readHistory(client);
    checkHistory(applied, known);
    const missing = known.filter((migration) => !applied.has(migration.no));
    for (const migration of missing) await apply(client, migration);
    if (missing.length > 0) log.info({ applied: missing.map((migration) => migration.no) }, 'database schema updated');
    return missing.map((migration) => migration.no);
  } catch (error) {
    throw await explainPermission(client, error);
  } finally {
    // The session ends with the lock in it when unlocking fails.
    const unlocked = await client.query('SELECT pg_advisory_unlock($1)', [advisoryLock]).catch((error: Error) => error);
    client.release(unlocked instanceof Error ? unlocked : undefined);
  }
}

/** The statement that helps, for the user and the schema at hand. */
async function explainPermission(client: PoolClient, error: unknown): Promise<unknown> {
  const cause = error instanceof MillraceError ? error.cause : error;
  if ((cause as { code?: unknown } | undefined)?.code !== '42501') return error;
  const { rows } = await client.query<{ login: string; place: string }>(
    `SELECT quote_ident(current_user) AS login, quote_ident(coalesce(current_schema(), 'public')) AS place`,
  );
  const { login, place } = rows[0] ?? { login: '', place: '' };
  return new MillraceError('database_permission', `The user ${login} may not create tables in the schema ${place}.`, {
    help: `Run as the database's owner: GRANT USAGE, CREATE ON SCHEMA ${place} TO ${login};`,
    cause,
  });
}

async function readHistory(client: PoolClient): Promise<ReadonlyMap<number, string>> {
  const { rows: tables } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('millrace_migrations') IS NOT NULL AS there`,
  );
  if (tables[0]?.there !== true) {
    await client.query(
      `CREATE TABLE millrace_migrations (
         no integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL)`,
    );
    return new Map();
  }
  const { rows } = await client.query<{ no: number; checksum: string }>('SELECT no, checksum FROM millrace_migrations');
  return new Map(rows.map((row) => [row.no, row.checksum]));
}

function checkHistory(applied: ReadonlyMap<number, string>, known: readonly Migration[]): void {
  const newestKnown = Math.max(0, ...known.map((migration) => migration.no));
  const newestApplied = Math.max(0, ...applied.keys());
  if (newestApplied > newestKnown) {
    throw new MillraceError(
      'database_schema_newer',
      `The database has schema version ${newestApplied}; this program knows versions up to ${newestKnown}.`,
    );
  }
  for (const migration of known) {
    const checksum = applied.get(migration.no);
    if (checksum !== undefined && checksum !== migration.checksum) {
      throw new MillraceError(
        'database_schema_differs',
        `Migration ${migration.no} (${migration.name}) was applied to the database with other contents than this program has.`,
      );
    }
  }
}

async function apply(client: PoolClient, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(migration.sql);
    await client.query('INSERT INTO millrace_migrations VALUES ($1, $2, $3, $4)', [
      migration.no,
      migration.name,
      migration.checksum,
      new Date(),
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new MillraceError('internal', `Migration ${migration.no} (${migration.name}) failed.`, { cause: error });
  }
}
