/**
 * The configuration, and the only file that reads the environment. In: environment variables and flags. Out: every option
 * with its value, or one error with every fault. A flag wins over the environment; an empty variable counts as not set.
 */
import { type Fault, MillraceError } from './errors.ts';
import {
  type Config,
  flagOf,
  type NumberOption,
  type OptionEntry,
  type OptionName,
  optionNames,
  optionOf,
  variableOf,
} from './options.ts';

export type { Config, OptionName } from './options.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type Flags = Readonly<Partial<Record<OptionName, string | undefined>>>;

/** The variables of this process. */
export function processEnvironment(): Environment {
  return process.env;
}

/** Error: `config_invalid`, with a fault for each bad value. Values of secret options are never shown. */
export function loadConfig(env: Environment = processEnvironment(), flags: Flags = {}): Config {
  const faults: Fault[] = [];
  const values: Partial<Record<OptionName, string | number | undefined>> = {};
  for (const name of optionNames) {
    const flag = flags[name];
    const variable = env[variableOf(name)];
    const given = flag ?? (variable === '' ? undefined : variable);
    const entry = optionOf(name);
    if (given === undefined) {
      values[name] = entry.default;
      continue;
    }
    const parsed = parseValue(entry, given);
    if (parsed.ok) values[name] = parsed.value;
    else
      faults.push({
        where: (flag === undefined ? undefined : flagOf(name)) ?? variableOf(name),
        message: parsed.reason,
      });
  }
  if (faults.length > 0) {
    const list = faults.map((fault) => `${fault.where}: ${fault.message}`).join('\n');
    throw new MillraceError('config_invalid', `The configuration has ${counted(faults.length)}.\n${list}`, { faults });
  }
  return values as Config;
}

/** Every option with its default. */
export function defaultConfig(): Config {
  return loadConfig({});
}

/** What a command line shows and takes: `--port <INTEGER>`, with its sentence, variable and default. */
export interface FlagHelp {
  readonly name: OptionName;
  readonly flags: string;
  readonly description: string;
}

/** In the table's order, or of `names` only; options that no flag takes are left out. */
export function flagHelp(names: readonly OptionName[] = optionNames): readonly FlagHelp[] {
  return names.flatMap((name) => {
    const flag = flagOf(name);
    if (flag === undefined) return [];
    const entry = optionOf(name);
    return [
      {
        name,
        flags: `${flag} <${placeholder(entry)}>`,
        description: `${entry.sentence} (${variableOf(name)}; default ${shownDefault(entry)})`,
      },
    ];
  });
}

export function placeholder(entry: OptionEntry): string {
  switch (entry.type) {
    case 'text':
      return entry.value;
    case 'choice':
      return entry.choices.join('|');
    case 'integer':
      return 'NUMBER';
    case 'bytes':
      return 'SIZE';
    case 'duration':
      return 'TIME';
    default:
      return entry satisfies never;
  }
}

/** The default as one would write it. */
export function shownDefault(entry: OptionEntry): string {
  if (entry.default === undefined) return 'none';
  return entry.type === 'bytes' || entry.type === 'duration'
    ? writeUnit(entry.type, entry.default)
    : String(entry.default);
}

type Parsed = { readonly ok: true; readonly value: string | number } | { readonly ok: false; readonly reason: string };

function parseValue(entry: OptionEntry, text: string): Parsed {
  switch (entry.type) {
    case 'text':
      if (entry.form.test(text)) return { ok: true, value: text };
      return refuse(`${entry.secret === true ? 'the value' : JSON.stringify(text)} is not ${entry.formInWords}`);
    case 'choice':
      if (entry.choices.includes(text)) return { ok: true, value: text };
      return refuse(`${JSON.stringify(text)} is not one of ${entry.choices.join(', ')}`);
    default:
      return parseNumber(entry, text.trim());
  }
}

const units = {
  bytes: { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40 },
  duration: { MS: 1, S: 1000, MIN: 60_000, H: 3_600_000, D: 86_400_000 },
} as const;
const forms = {
  integer: 'a whole number',
  bytes: 'a size such as 512MiB, 2GB or a number of bytes',
  duration: 'a time such as 30s, 5min, 2h or a number of milliseconds',
} as const;

function parseNumber(entry: NumberOption, text: string): Parsed {
  const match = /^(\d{1,15})\s*([A-Za-z]*)$/.exec(text);
  const factor = match === null ? undefined : unitOf(entry.type, match[2]?.toUpperCase() ?? '');
  const value = Number(match?.[1]) * (factor ?? Number.NaN);
  if (!Number.isSafeInteger(value)) return refuse(`${JSON.stringify(text)} is not ${forms[entry.type]}`);
  if (value >= entry.min && value <= entry.max) return { ok: true, value };
  const [least, most] = [entry.min, entry.max].map((limit) =>
    entry.type === 'integer' ? String(limit) : writeUnit(entry.type, limit),
  );
  return refuse(`${JSON.stringify(text)} is not between ${least} and ${most}`);
}

function unitOf(type: NumberOption['type'], unit: string): number | undefined {
  if (unit === '') return 1;
  return type === 'integer' ? undefined : (units[type] as Readonly<Record<string, number>>)[unit];
}

const shownUnits = {
  bytes: [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
    ['B', 1],
  ],
  duration: [
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
    ['ms', 1],
  ],
} as const;

/** In the largest unit that leaves a whole number. */
function writeUnit(type: 'bytes' | 'duration', value: number): string {
  const [unit, factor] = shownUnits[type].find(([, size]) => value % size === 0) ?? ['', 1];
  return `${value / factor}${unit}`;
}

function refuse(reason: string): Parsed {
  return { ok: false, reason };
}

function counted(faults: number): string {
  return faults === 1 ? '1 fault' : `${faults} faults`;
}
