/** What Postgres and the network report, as errors of ours. Texts that may quote a value of a row are withheld. */
import type { ErrorCode } from '../base/error-codes.ts';
import { isMillraceError, MillraceError } from '../base/errors.ts';
import type { PostgresSettings } from './settings.ts';
import { lineAndColumn } from './sql-text.ts';

/** The code of an answer that this process cannot take in. */
export const unreadable = 'ANSWER_UNREADABLE';

interface Reported {
  /** A SQLSTATE, or the code of a network error. */
  readonly code: string;
  readonly message: string;
  /** From 1, in characters of the statement. */
  readonly position: number | null;
}

export function postgresReport(error: unknown): Reported {
  const { code, message, position } = error as { code?: unknown; message?: unknown; position?: unknown };
  return {
    code: typeof code === 'string' ? code : '',
    message: typeof message === 'string' ? message : String(error),
    position: typeof position === 'string' ? Number(position) : null,
  };
}

/** Why no connection came about. */
export function connectFailure(error: unknown, settings: PostgresSettings): MillraceError {
  if (isMillraceError(error)) return error;
  const { code, message } = postgresReport(firstOf(error));
  const place = `${settings.host}:${settings.port}`;
  const say = (which: ErrorCode, text: string) => new MillraceError(which, text);
  switch (true) {
    case code === 'ENOTFOUND' || code === 'EAI_AGAIN':
      return say('warehouse_host_not_found', `The host ${settings.host} is not known (${code}).`);
    case /^E(CONNREFUSED|HOSTUNREACH|NETUNREACH|HOSTDOWN|ADDRNOTAVAIL|NOENT|ACCES)$/.test(code):
      return say('warehouse_unreachable', `Nothing accepts connections at ${place} (${code}).`);
    case code === 'ETIMEDOUT' || /timeout/i.test(message):
      return say('warehouse_timeout', `${place} did not answer within ${settings.connectTimeoutSeconds} seconds.`);
    case isTls(code, message):
      return say(
        'warehouse_tls_failed',
        `No TLS connection to ${place} with ssl: ${settings.ssl}: ${tlsReason(message)}.`,
      );
    case code === '3D000':
      return say('warehouse_database_missing', `There is no database ${settings.database} at ${place}.`);
    case code.startsWith('28') || /^SASL|password/i.test(message):
      return say('warehouse_login_refused', `${place} does not let the user ${settings.user} in: ${message}.`);
    case code === '42501':
      return say('warehouse_permission_denied', `The user ${settings.user} may not connect: ${message}.`);
    case code === '53300' || code === '57P03':
      return say('warehouse_unreachable', `${place} takes no connection now: ${message}.`);
    default:
      return say('warehouse_unreachable', `No connection to ${place}: ${message}.`);
  }
}

/** A host with several addresses fails with one error per address. */
function firstOf(error: unknown): unknown {
  return error instanceof AggregateError ? error.errors[0] : error;
}

function isTls(code: string, message: string): boolean {
  return (
    /CERT|^ERR_(SSL|TLS|OSSL)|SELF_SIGNED|UNABLE_TO|^EPROTO$/.test(code) ||
    /support SSL|SSL off|no encryption|connection requires a valid client certificate|certificate/i.test(message)
  );
}

/** OpenSSL reports `error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:…`; a reason with `alert` is what the server sent. */
function tlsReason(message: string): string {
  const reason = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/i.exec(message)?.[1];
  if (reason === undefined) return message;
  const alert = /alert (.+)$/.exec(reason)?.[1];
  return alert === undefined ? reason : `the server ended the handshake with "${alert}"`;
}

const lostCodes = /^(08...|57P0[1234]|ECONNRESET|EPIPE|ETIMEDOUT|ECONNABORTED)$/;

export function isLost({ code, message }: Reported): boolean {
  return (
    lostCodes.test(code) || /^Connection terminated|not queryable|connection error|Client was closed/i.test(message)
  );
}

/** Classes of errors whose messages name tables, columns and limits, never values. */
const speaking = /^(0A|25|26|34|3D|3F|42|53|54|55|57|58)/;

/** An error while a statement runs. Never holds values of rows; the server's error is not passed on as its cause. */
export function postgresFailure(error: unknown, doing: string): MillraceError {
  if (isMillraceError(error)) return error;
  const report = postgresReport(error);
  const { code, message } = report;
  const say = (which: ErrorCode, text: string) => new MillraceError(which, `${doing} failed: ${text}.`);
  if (isLost(report)) return say('warehouse_lost', 'the connection ended');
  switch (code) {
    case unreadable:
      return say('warehouse_query_failed', 'a value of the answer is too large to be read; select less of it');
    case '57014':
      if (/statement timeout/i.test(message)) return say('warehouse_timeout', message);
      return new MillraceError('cancelled', `${doing} was cancelled.`);
    case '42501':
      return say('warehouse_permission_denied', message);
    case '25006':
      return say('model_sql_writes', `the query does more than read: ${message}`);
    case '53100':
      return say('warehouse_disk_full', message);
    case '53200':
      return say('warehouse_out_of_memory', message);
    default:
      return say('warehouse_query_failed', speaking.test(code) ? message : withheld(code));
  }
}

function withheld(code: string): string {
  return `error ${code || 'without a code'}; its text is withheld because it may hold values of rows`;
}

/** An error of parsing a model: the server's own message, with the place in the model's text. */
export function postgresModelFault(error: unknown, sql: string): MillraceError {
  if (isMillraceError(error)) return error;
  const report = postgresReport(error);
  if (!/^(0A|22|42|3F|54)/.test(report.code) || report.code === '42501') {
    return postgresFailure(error, 'Reading the query');
  }
  const characters = report.position === null ? null : [...sql].slice(0, report.position - 1).join('').length;
  const where = characters === null ? '' : ` (at ${lineAndColumn(sql, characters)})`;
  return new MillraceError('model_sql_faulty', `Postgres: ${report.message}${where}`);
}
