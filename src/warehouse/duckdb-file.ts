/**
 * The open database file behind a DuckDB warehouse. In: settings. Out: connections to one instance per file, shared by
 * everybody in this process. Promised: a file that is missing is not made unless asked for; models reach no files but
 * those of the settings.
 */
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { MillraceError } from '../base/errors.ts';
import { duckdbFailure, duckdbOpenFailure } from './duckdb-errors.ts';
import { type DuckdbSettings, readerOf } from './settings.ts';

export interface DuckdbFile {
  /** A connection that sees the file's tables and the views over `files`; it reports errors as JSON, in UTC. */
  connect(): Promise<DuckDBConnection>;
  /** The name of the database within DuckDB. */
  readonly catalog: string;
  close(): void;
}

export async function openDuckdbFile(settings: DuckdbSettings, create: boolean): Promise<DuckdbFile> {
  const file = path.resolve(settings.path ?? settings.statePath ?? '');
  await checkFile(file, create || settings.files !== undefined);
  const instance = await openInstance(file);
  try {
    const connection = await instance.connect();
    try {
      await configure(connection, settings);
      const catalog = String((await connection.runAndReadAll('SELECT current_database()')).getRows()[0]?.[0]);
      return { catalog, connect: () => connect(instance, settings), close: () => instance.closeSync() };
    } finally {
      connection.closeSync();
    }
  } catch (error) {
    instance.closeSync();
    throw duckdbFailure(error, `Opening ${file}`);
  }
}

async function checkFile(file: string, create: boolean): Promise<void> {
  try {
    const found = await stat(file);
    if (found.isFile()) return;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES') throw new MillraceError('warehouse_permission_denied', `${file} may not be read.`);
    if (code !== 'ENOENT') throw duckdbOpenFailure(error, file);
    if (create) return;
    throw new MillraceError('warehouse_file_missing', `There is no file ${file}.`);
  }
  throw new MillraceError('warehouse_file_invalid', `${file} is a folder, not a database file.`);
}

/** DuckDB keeps one instance per path within a process; two of one file would damage it. */
async function openInstance(file: string): Promise<DuckDBInstance> {
  const one = await realpath(file).catch(() => file);
  try {
    return await DuckDBInstance.fromCache(one);
  } catch (error) {
    throw duckdbOpenFailure(error, file);
  }
}

/** Settings belong to the instance: of several warehouses on one file, the last one opened decides. */
async function configure(connection: DuckDBConnection, settings: DuckdbSettings): Promise<void> {
  const set = (name: string, value: string) => connection.run(`SET GLOBAL ${name} = ${value}`);
  await set('TimeZone', `'UTC'`);
  if (settings.memoryLimit !== undefined) await set('memory_limit', quote(settings.memoryLimit));
  if (settings.threads !== undefined) await set('threads', String(settings.threads));
  if (settings.tempDirectory !== undefined) await set('temp_directory', quote(settings.tempDirectory));
  await closeFileSystem(connection, settings, set);
}

async function closeFileSystem(
  connection: DuckDBConnection,
  settings: DuckdbSettings,
  set: (name: string, value: string) => Promise<unknown>,
): Promise<void> {
  const folders = readFolders(settings);
  if ((await fileAccess(connection)).open) {
    const closing = async () => {
      await set('allowed_directories', `[${folders.map(quote).join(', ')}]`);
      await set('enable_external_access', 'false');
    };
    // Somebody who opens the file at the same moment may be quicker; what then holds is looked at below.
    const fault = await closing().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (fault !== undefined && (await fileAccess(connection)).open) throw fault.error;
  }
  const { allowed } = await fileAccess(connection);
  const known = new Set(allowed.map((folder) => path.resolve(folder)));
  if (folders.every((folder) => known.has(folder))) return;
  throw new MillraceError(
    'warehouse_settings_invalid',
    'The database file is open in this process already, with other folders to read from.',
    { help: 'Give all sources on this file the same read_from and files.' },
  );
}

async function fileAccess(connection: DuckDBConnection): Promise<{ open: boolean; allowed: readonly string[] }> {
  const current = `SELECT current_setting('enable_external_access'), current_setting('allowed_directories')::VARCHAR[]`;
  const [open, allowed] = (await connection.runAndReadAll(current)).getRowsJS()[0] ?? [];
  return { open: open === true, allowed: allowed as string[] };
}

/** The folders that `files` and `readFrom` name. */
function readFolders(settings: DuckdbSettings): readonly string[] {
  const files = Object.values(settings.files ?? {}).flat();
  const folders = [...files.map(folderOf), ...(settings.readFrom ?? [])];
  return [...new Set(folders.map((folder) => path.resolve(folder)))];
}

/** The folder above the first part of a path that has a wildcard, or above the file. */
function folderOf(file: string): string {
  const parts = path.resolve(file).split(path.sep);
  const wild = parts.findIndex((part) => /[*?[{]/.test(part));
  return parts.slice(0, wild < 0 ? -1 : wild).join(path.sep) || path.sep;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

async function connect(instance: DuckDBInstance, settings: DuckdbSettings): Promise<DuckDBConnection> {
  const connection = await instance.connect();
  try {
    await connection.run('SET errors_as_json = true');
    for (const [name, files] of Object.entries(settings.files ?? {})) await makeView(connection, name, [files].flat());
    return connection;
  } catch (error) {
    connection.closeSync();
    throw duckdbFailure(error, 'Opening the files of the source');
  }
}

/** A view of this connection only: nothing of it stays in the file. */
async function makeView(connection: DuckDBConnection, name: string, files: readonly string[]): Promise<void> {
  const reader = readerOf(files[0] ?? '') ?? 'read_csv';
  const list = files.map((file) => quote(path.resolve(file))).join(', ');
  const view = `"${name.replaceAll('"', '""')}"`;
  await connection.run(`CREATE TEMP VIEW ${view} AS SELECT * FROM ${reader}([${list}])`);
}
