/**
 * A command, as data plus one function. In: words at a terminal. Out: a report, which is printed as text for people or as
 * one JSON document. A command never prints its result itself.
 */
import { MillraceError } from '../base/errors.ts';
import type { CliContext } from './context.ts';
import type { ExitCode } from './exit-codes.ts';

export interface CommandArgument {
  /** In capitals, e.g. `MAPPING`. */
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** The last one only: it may be given more than once, and is in `rest`. */
  readonly many?: boolean;
}

export interface CommandOption {
  /** As commander takes them: `--space <SPACE>`, `--yes`. */
  readonly flags: string;
  readonly description: string;
  readonly required?: boolean;
  /** May be given several times, or once with a list: `--space a,b`. */
  readonly repeatable?: boolean;
  readonly choices?: readonly string[];
  /** In words. */
  readonly defaultText?: string;
}

export interface Command {
  /** The words that call it: `sync run`. */
  readonly name: string;
  readonly description: string;
  readonly arguments: readonly CommandArgument[];
  readonly options: readonly CommandOption[];
  /** Whole lines, the first of them the usual one. */
  readonly examples: readonly string[];
  /** True when Ctrl-C is answered by the command itself, through `context.signal`; others are abandoned. */
  readonly cancellable?: boolean;
  /** True when the log is of interest beside the report: its level is then the configured one. */
  readonly keepsLog?: boolean;
  /** Null when the report was given to `context.output` already. */
  run(context: CliContext, input: CommandInput): Promise<Report | null>;
}

/** What a command has to say when it is done. */
export interface Report {
  /** The JSON document: an object. */
  readonly document: object;
  /** The same for people, in lines; empty when everything was said already. */
  readonly text: string;
  readonly exit?: ExitCode;
}

/** The words of one call, options in camelCase. Options without a value are `true`, repeatable ones lists. */
export interface CommandInput {
  readonly arguments: Readonly<Record<string, string | undefined>>;
  /** The words of an argument of which there may be many. */
  readonly rest: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

/** An argument that the definition calls required. */
export function argument(input: CommandInput, name: string): string {
  const value = input.arguments[name];
  if (value === undefined) throw new MillraceError('usage', `The argument ${name} is missing.`);
  return value;
}

/** The value of `--NAME VALUE`. */
export function option(input: CommandInput, name: string): string | undefined {
  const value = input.options[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of an option that may be repeated, without blanks around them. */
export function listOption(input: CommandInput, name: string): readonly string[] {
  const value = input.options[name];
  const given = Array.isArray(value) ? (value as readonly string[]) : [];
  return given
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}

export function flag(input: CommandInput, name: string): boolean {
  return input.options[name] === true;
}

/** The value of an option that is a whole number. Error `usage`. */
export function numberOption(input: CommandInput, name: string, least: number, most: number): number | undefined {
  const text = option(input, name);
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new MillraceError(
    'usage',
    `--${name} takes a whole number from ${least} to ${most}, not ${JSON.stringify(text)}.`,
  );
}
