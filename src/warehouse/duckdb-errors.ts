/**
 * What DuckDB reports, as errors of ours. Connections are set to report as JSON: a type, a message and often a
 * position. Texts of types that may quote a value of a row are withheld.
 */
import type { ErrorCode } from '../base/error-codes.ts';
import { isMillraceError, MillraceError } from '../base/errors.ts';
import { lineAndColumn } from './sql-text.ts';

export interface DuckdbReport {
  /** `Catalog`, `Binder`, `Conversion`, `IO`, …; empty when it cannot be told. */
  readonly type: string;
  readonly message: string;
  readonly position: number | null;
}

export function duckdbReport(error: unknown): DuckdbReport {
  const text = error instanceof Error ? error.message : String(error);
  const brace = text.indexOf('{"exception_type"');
  if (brace >= 0) {
    try {
      const read = JSON.parse(text.slice(brace)) as Record<string, string | undefined>;
      const position = read.position === undefined ? null : Number(read.position);
      return { type: read.exception_type ?? '', message: read.exception_message ?? '', position };
    } catch {
      // Falls through to the plain form.
    }
  }
  const plain = /^(?:Failed[^:]*: )?([A-Z][A-Za-z ]*?) Error: (.*)$/s.exec(text);
  return { type: plain?.[1] ?? '', message: plain?.[2] ?? text, position: null };
}

/** Types whose messages name tables, columns, files and limits, never values. */
const speakingTypes: ReadonlySet<string> = new Set([
  'Catalog',
  'Binder',
  'Parser',
  'Syntax',
  'IO',
  'Permission',
  'Out of Memory',
  'OutOfMemory',
  'TransactionContext',
  'Transaction',
  'Dependency',
  'Not implemented',
  'Connection',
]);

/** An error while a statement runs. Never holds values of rows; the engine's error is not passed on as its cause. */
export function duckdbFailure(error: unknown, doing: string): MillraceError {
  if (isMillraceError(error)) return error;
  const report = duckdbReport(error);
  if (report.type === 'INTERRUPT') return new MillraceError('cancelled', `${doing} was cancelled.`);
  const code = failureCode(report);
  const told = speakingTypes.has(report.type)
    ? firstLines(report.message)
    : `a ${report.type || 'internal'} error; its text is withheld because it may hold values of rows`;
  return new MillraceError(code, `${doing} failed: ${told}`);
}

function failureCode({ type, message }: DuckdbReport): ErrorCode {
  if (/out ?of ?memory/i.test(type)) return 'warehouse_out_of_memory';
  if (/no space left|disk (is )?full|max_temp_directory_size/i.test(message)) return 'warehouse_disk_full';
  if (/no files found that match/i.test(message)) return 'warehouse_file_missing';
  return type === 'Permission' ? 'warehouse_permission_denied' : 'warehouse_query_failed';
}

/** An error of preparing a model: the engine's own message, with the place in the model's text. */
export function duckdbModelFault(error: unknown, sql: string): MillraceError {
  if (isMillraceError(error)) return error;
  const report = duckdbReport(error);
  if (report.type === 'Permission') {
    return new MillraceError('model_sql_forbidden', `The query may not do this: ${firstLines(report.message)}`, {
      help: 'Files can be read from the folders that read_from of the source names.',
    });
  }
  if (!speakingTypes.has(report.type) && report.type !== 'Conversion') return duckdbFailure(error, 'Reading the query');
  const code = failureCode(report);
  if (code !== 'warehouse_query_failed') return duckdbFailure(error, 'Reading the query');
  const where = report.position === null ? '' : ` (at ${lineAndColumn(sql, textPosition(sql, report))})`;
  return new MillraceError('model_sql_faulty', `DuckDB: ${firstLines(report.message)}${where}`);
}

/** DuckDB's parser counts characters, its binder bytes; we count UTF-16 units. */
function textPosition(sql: string, { type, position }: DuckdbReport): number {
  const target = position ?? 0;
  if (type !== 'Parser' && type !== 'Syntax') return Buffer.from(sql).subarray(0, target).toString().length;
  return [...sql].slice(0, target).join('').length;
}

/** On one line, without the copy of the statement that follows the message in the plain form. */
function firstLines(message: string): string {
  return (message.split('\n\nLINE ')[0] ?? '').trim().replace(/\s*\n\s*/g, ' ');
}

/** An error of opening a file. */
export function duckdbOpenFailure(error: unknown, file: string): MillraceError {
  const { message } = duckdbReport(error);
  const pid = /PID (\d+)/.exec(message)?.[1];
  const say = (code: ErrorCode, text: string, help?: string) => new MillraceError(code, `${file} ${text}`, { help });
  if (/could not set lock/i.test(message)) {
    const holder = pid === undefined ? 'another process' : `process ${pid}`;
    return say('warehouse_file_locked', `is held open by ${holder}.`);
  }
  if (/permission denied/i.test(message)) {
    return say('warehouse_permission_denied', 'may not be opened by this user.', 'Change the permissions of the file.');
  }
  if (/version number|newer version|storage version|created with/i.test(message)) {
    return say(
      'warehouse_file_newer',
      `was written by another version of DuckDB: ${firstLines(message).split('. ')[0]}.`,
    );
  }
  if (/no space left/i.test(message)) return say('warehouse_disk_full', 'cannot be opened: the disk is full.');
  if (/no such file/i.test(message)) return say('warehouse_file_missing', 'cannot be made: its folder is missing.');
  return say('warehouse_file_invalid', `cannot be opened: ${firstLines(message)}`);
}
