/**
 * The settings of the embedded server. Promised: a commit is on disk when it returns (fsync, synchronous_commit and
 * full_page_writes keep their defaults), and no statement, parameter or row reaches the server's log.
 */
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import type { ServerSettings } from './cluster.ts';

/**
 * Errors of statements are the client's to report; here they would be written with the values at fault. `log` is above
 * `error` in this setting's order: start, stop, crashes and refused logins are still written.
 */
export const safeLogSettings: ServerSettings = {
  log_min_messages: 'log',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_statement: 'none',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
};

/** Sized for the machine and for the disk that `folder` is on. */
export async function serverSettings(folder: string): Promise<ServerSettings> {
  const disk = await statfs(folder);
  return settingsFor(availableMemory(), disk.bavail * disk.bsize);
}

export function settingsFor(memoryBytes: number, freeDiskBytes: number): ServerSettings {
  const memory = memoryBytes / 2 ** 20;
  const disk = freeDiskBytes / 2 ** 20;
  const walSize = clamp(disk / 8, 128, 4096);
  return {
    ...safeLogSettings,
    // Enough for many processes with a pool each.
    max_connections: '200',
    shared_buffers: `${clamp(memory / 8, 64, 2048)}MB`,
    effective_cache_size: `${clamp(memory / 2, 128, 65_536)}MB`,
    work_mem: '16MB',
    maintenance_work_mem: `${clamp(memory / 32, 32, 512)}MB`,
    // Checkpoints are rare, so that a first sync writes each page's full image once.
    max_wal_size: `${walSize}MB`,
    min_wal_size: `${clamp(walSize / 4, 80, 1024)}MB`,
    checkpoint_timeout: '15min',
    wal_compression: 'on',
    random_page_cost: '1.1',
    // Statements are many and short: compiling them costs more than it saves.
    jit: 'off',
    timezone: 'UTC',
    // A backend whose client was killed lets go of its locks while it works, not only when it answers.
    client_connection_check_interval: '2s',
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.round(Math.min(most, Math.max(least, value)));
}

/** The container's limit where there is one. */
function availableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
