/**
 * The exit codes of the command line, as `docs/cli.md` lists them. The code of an error is in the table of
 * `base/error-codes.ts`.
 */
import { errorCodes } from '../base/error-codes.ts';
import { isMillraceError } from '../base/errors.ts';

export const exitCodes = {
  ok: 0,
  /** The work was done, but with failures: rows refused, a check of the doctor that found something. */
  failures: 1,
  /** The words, a flag, a file, a name or a model is at fault. */
  input: 2,
  /** Something that is needed cannot be reached or used now: database, warehouse, folder, port, another sync. */
  environment: 3,
  /** A fault of Millrace. */
  internal: 70,
  /** Ctrl-C, or a sync that was cancelled. */
  cancelled: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export function exitCodeOf(error: unknown): ExitCode {
  return isMillraceError(error) ? errorCodes[error.code].exit : exitCodes.internal;
}
