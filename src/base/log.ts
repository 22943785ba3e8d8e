/**
 * The log: one JSON line per entry on stderr, or readable lines on a terminal. Promised: fields named like secrets are
 * replaced, and errors are reduced to what cannot hold row contents (a database's error details quote rows, so they are
 * left out). Callers still never pass rows, messages or traits.
 */
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** Readable lines instead of JSON. */
  readonly pretty?: boolean;
  /** Where the lines go; stderr when left out. */
  readonly destination?: DestinationStream;
}

const secretKeys = [
  'password',
  'secret',
  'secretKey',
  'token',
  'accessToken',
  'writeKey',
  'apiKey',
  'authorization',
  'Authorization',
  'cookie',
  'connectionString',
  'databaseUrl',
];

export function createLog(options: LogOptions): Log {
  const destination = options.destination ?? process.stderr;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[hidden]' },
    },
    options.pretty === true ? { write: (line) => void destination.write(readableLine(line)) } : destination,
  );
}

/** What the log keeps of an error: no properties beyond these, because a driver puts row contents in others. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = (error as { code?: unknown }).code;
  const message = safeMessage(error, code);
  const hidden = message !== error.message;
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message,
    ...(error.stack === undefined ? {} : { stack: hidden ? framesOf(error.stack) : error.stack }),
    ...(error.cause === undefined || depth >= 4 ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** Postgres' data exceptions (class 22) and constraint violations (23) quote the value at fault in their message. */
function safeMessage(error: Error, code: unknown): string {
  if (typeof code === 'string' && /^2[23][0-9A-Z]{3}$/.test(code) && 'severity' in error) {
    return `the database refused a value (SQLSTATE ${code})`;
  }
  return error.message;
}

function framesOf(stack: string): string {
  const frames = stack.indexOf('\n    at ');
  return frames < 0 ? '' : stack.slice(frames + 1);
}

function readableLine(line: string): string {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`,
  );
  const fault = err as { message?: string; stack?: string; code?: string } | undefined;
  const faultText = fault === undefined ? '' : `\n  ${fault.code ?? ''} ${fault.stack ?? fault.message ?? ''}`;
  const text = msg === undefined ? '' : ` ${String(msg)}`;
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)}${text}${fields.join('')}${faultText}\n`;
}
