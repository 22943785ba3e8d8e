/**
 * The one error class of the project. In: a code of the table, what happened, what to do. Out: an error a person can
 * act on. Promised: `message` and `help` never hold a secret or the contents of a row.
 *
 * Ordinary failures (a refused message, an invalid row) are values, not errors: see `delivery/delivery.ts`.
 */
import { type ErrorCode, type ErrorEntry, errorCodes } from './error-codes.ts';

/** One fault among several, e.g. of a configuration file. */
export interface Fault {
  /** Where, in the reader's terms: a path (`mappings.a.fields.user_id`), a column, a file position (`shop.yaml:12`). */
  readonly where: string;
  readonly message: string;
}

export interface ErrorOptions {
  /** What to do about it; the code's own help when left out. */
  readonly help?: string;
  /** The same in the web app; what `help` says, or the code's own, when left out. */
  readonly helpInApp?: string;
  readonly cause?: unknown;
  readonly faults?: readonly Fault[];
}

export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly help: string;
  readonly helpInApp: string;
  readonly faults: readonly Fault[];

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.help = options.help ?? errorCodes[code].help;
    this.helpInApp = options.helpInApp ?? options.help ?? helpInApp(code) ?? this.help;
    this.faults = options.faults ?? [];
  }
}

/** What the web app says where the command line says the code's help; null when both say the same. */
export function helpInApp(code: ErrorCode): string | null {
  const { helpInApp }: ErrorEntry = errorCodes[code];
  return helpInApp ?? null;
}

/** True for an error of ours with one of these codes (any code when none is given). */
export function isMillraceError(error: unknown, ...codes: ErrorCode[]): error is MillraceError {
  return error instanceof MillraceError && (codes.length === 0 || codes.includes(error.code));
}
