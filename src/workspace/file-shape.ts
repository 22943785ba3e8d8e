/** The shape of a workspace file: which keys there are, of which type. What they mean together is checked elsewhere. */
import { z } from 'zod';
import type { Json } from '../base/json.ts';
import { nearNames, suggestion } from '../base/near-names.ts';
import type { FaultList, FilePath } from './file-faults.ts';
import { unwrap, withStandIns } from './file-stand-ins.ts';

/** Any JSON: the file reader lets nothing else through. */
const json = z.unknown();

const blocked = z.strictObject({
  values: z.array(z.string()).default([]),
  patterns: z.array(z.string().max(500)).default([]),
  recommended: z.boolean().default(true),
});

export const identifierShape = z.strictObject({
  type: z.string(),
  collection: z.enum(['users', 'accounts']).optional(),
  limit: z.int().min(1).max(1000).optional(),
  per: z.enum(['ever', 'annually', 'monthly', 'weekly', 'daily']).default('ever'),
  blocked: blocked.optional(),
  custom: z.boolean().optional(),
});

export const filterShape = z.strictObject({
  if: z.string().min(1).max(10_000),
  description: z.string().max(2000).default(''),
  enabled: z.boolean().default(true),
});

/** What people call it; left out: its name. */
const title = z.string().min(1).max(255).optional();

const timezone = z.string().default('UTC');
const schedule = z.union([
  z.literal('manual'),
  z.strictObject({ every: z.string() }),
  z.strictObject({ days: z.array(z.number()), hours: z.array(z.number()), timezone }),
  z.strictObject({ cron: z.string(), timezone }),
]);

const space = z.strictObject({
  title,
  identifiers: z.array(identifierShape).nullish(),
  auto_register: z.boolean().default(true),
  filters: z.record(z.string(), filterShape).nullish(),
  subscription_groups: z.array(z.string()).nullish(),
  identifier_deletion: z.boolean().default(false),
});

/** The keys beside these are the settings of the engine, which the warehouse checks. */
const source = z
  .object({ title, engine: z.enum(['duckdb', 'postgres']), enabled: z.boolean().default(true) })
  .catchall(json);

const model = z.strictObject({
  title,
  source: z.string(),
  identifier: z.string().min(1).max(191),
  query: z.string().min(1).max(65_535).optional(),
  query_file: z.string().min(1).optional(),
  description: z.string().max(2000).default(''),
  enabled: z.boolean().default(true),
});

const destination = z.strictObject({
  title,
  source: z.string(),
  settings: z
    .strictObject({
      endpoint: z.enum(['local', 'north_america', 'europe', 'custom']).default('local'),
      segment_papi_token: z.string().optional(),
      tracking_url: z.string().optional(),
      public_api_url: z.string().optional(),
    })
    .default({ endpoint: 'local' }),
  enabled: z.boolean().default(true),
});

const mapping = z.strictObject({
  title,
  destination: z.string(),
  model: z.string(),
  action: z.enum(['sendIdentify', 'sendGroup', 'sendTrack', 'sendSubscription']),
  records: z
    .array(z.enum(['new', 'updated', 'deleted']))
    .min(1)
    .optional(),
  trigger: z.string().min(1).optional(),
  fields: z.record(z.string(), json),
  skip_nulls: z.array(z.string()).default([]),
  skip_backfill: z.boolean().default(false),
  guard_percent: z.number().min(0).max(100).nullable().default(null),
  schedule: schedule.optional(),
  enabled: z.boolean().default(true),
});

const eventStream = z.strictObject({
  title,
  spaces: z.array(z.string()).min(1),
  client_side: z.boolean().default(false),
  oauth_enforced: z.boolean().default(false),
  write_key: z.string().optional(),
  enabled: z.boolean().default(true),
});

const channel = z.strictObject({
  webhook: z.strictObject({ url: z.string(), secret: z.string().min(1).optional() }).optional(),
  email: z.strictObject({ to: z.array(z.string()).min(1) }).optional(),
  slack: z.strictObject({ url: z.string() }).optional(),
});

const alert = z.strictObject({
  title,
  on: z.array(z.enum(['sync_failed', 'sync_partly_failed', 'delivery_rate', 'schedule_missed'])).min(1),
  /** The word `all` means the same as nothing. */
  mappings: z.preprocess((value) => (value === 'all' ? undefined : value), z.array(z.string()).min(1).optional()),
  threshold_percent: z.number().min(0).max(100).optional(),
  channels: z.array(channel).max(20).default([]),
  enabled: z.boolean().default(true),
});

/** The sections of the file: in each, names and what they stand for. */
export const fileSections = {
  spaces: z.preprocess((value) => value ?? {}, space),
  sources: source,
  models: model,
  destinations: destination,
  mappings: mapping,
  event_streams: eventStream,
  alerts: alert,
} as const;

export type Section = keyof typeof fileSections;
export const sectionNames = Object.keys(fileSections) as readonly Section[];
export type Shaped<S extends Section> = z.output<(typeof fileSections)[S]>;

/** The engines a source can have. */
export const engineNames = source.shape.engine.options;

/**
 * The value in its shape. What has another shape is a fault, and something harmless stands in its place, so that the rest
 * can be looked at further. Null, with a fault, when it is no map at all.
 */
export function readShape<S extends Section>(
  section: S,
  value: Json,
  path: FilePath,
  faults: FaultList,
): Shaped<S> | null {
  const schema = fileSections[section];
  let mended = value;
  // What stands in for a map or a list may itself lack something, which the next round fills in.
  for (let round = 0; round < mostRounds; round++) {
    const result = schema.safeParse(mended);
    if (result.success) return result.data as Shaped<S>;
    const { issues } = result.error;
    for (const issue of issues) addIssue(issue, section, mended, path, faults);
    if (issues.some((issue) => issue.path.length === 0 && issue.code !== 'unrecognized_keys')) return null;
    for (const { code, path: inner } of issues) {
      if (code !== 'unrecognized_keys') faults.standIn([...path, ...(inner as (string | number)[])]);
    }
    mended = withStandIns(schema, mended, issues);
  }
  return null;
}

const mostRounds = 10;

function addIssue(issue: z.core.$ZodIssue, section: Section, value: Json, path: FilePath, faults: FaultList): void {
  const inner = issue.path as (string | number)[];
  const full = [...path, ...inner];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(fileSections[section], inner);
    for (const key of issue.keys) {
      faults.addKey([...full, key], `there is no such key.${suggestion(key, known)}`);
    }
    return;
  }
  const given = at(value, inner);
  if (given === undefined) faults.add(full, 'this is missing.');
  else faults.add(full, `${describe(issue, given)}.`);
}

/** Never quotes the value: it may be one that was filled in. */
function describe(issue: z.core.$ZodIssue, given: Json): string {
  switch (issue.code) {
    case 'invalid_type':
      return `this must be ${typeNames[issue.expected] ?? issue.expected}, not ${typeOf(given)}`;
    case 'invalid_value': {
      const choices = issue.values.map(String);
      const [near] = typeof given === 'string' ? nearNames(given, choices) : [];
      return `this must be one of ${choices.join(', ')}${near === undefined ? '' : `; probably ${near}`}`;
    }
    case 'invalid_union':
      return 'this must be manual, { every: 1h }, { days: [1, 5], hours: [6], timezone: UTC } or { cron: "30 2 * * *", timezone: UTC }';
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'this must not be empty'
        : `this must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `this must have at most ${issue.maximum} characters`
        : `this must be at most ${issue.maximum}`;
    default:
      return 'this cannot be used here';
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

export function typeOf(value: Json): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    default:
      return 'a map';
  }
}

function at(value: Json, path: FilePath): Json | undefined {
  let here: unknown = value;
  for (const step of path) here = (here as Record<string | number, unknown> | null | undefined)?.[step];
  return here as Json | undefined;
}

/** The keys a map at this path may have. */
function knownKeys(schema: z.core.$ZodType, path: FilePath): readonly string[] {
  const [step, ...rest] = path;
  const bare = unwrap(schema);
  if (bare instanceof z.ZodArray) return knownKeys(bare.element, rest);
  if (bare instanceof z.ZodRecord) return knownKeys(bare.valueType, rest);
  if (!(bare instanceof z.ZodObject)) return [];
  if (step === undefined) return Object.keys(bare.shape);
  const next = bare.shape[step as string];
  return next === undefined ? [] : knownKeys(next, rest);
}

/** Every key of the file, with its path: `mappings.*.records`. For the test that the documentation names them all. */
export function everyKey(): readonly string[] {
  return sectionNames.flatMap((section) => [section, ...keysBelow(fileSections[section], `${section}.*`)]);
}

function keysBelow(schema: z.core.$ZodType, path: string): readonly string[] {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodArray) return keysBelow(bare.element, `${path}[]`);
  if (bare instanceof z.ZodRecord) return keysBelow(bare.valueType, `${path}.*`);
  if (bare instanceof z.ZodUnion) return bare.options.flatMap((one) => keysBelow(one as z.core.$ZodType, path));
  if (!(bare instanceof z.ZodObject)) return [];
  return Object.entries(bare.shape).flatMap(([key, value]) => [
    `${path}.${key}`,
    ...keysBelow(value as z.core.$ZodType, `${path}.${key}`),
  ]);
}
