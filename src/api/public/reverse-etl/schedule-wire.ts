/**
 * Schedules as clients write them. In: a strategy, in any case, and what it takes. Out: a schedule, or every fault; and
 * back, with the same keys. Pure.
 */
import { z } from 'zod';
import type { Json, JsonObject } from '../../../base/json.ts';
import {
  type ModelSchedule,
  type Schedule,
  type ScheduleLimits,
  scheduleFaults,
} from '../../../workspace/workspace.ts';
import { readBody, readParts } from '../body.ts';
import { badRequest, type InputFault, type PublicRefusal } from '../errors.ts';

/** What each strategy takes. */
const configs = {
  PERIODIC: z.object({ interval: z.string() }),
  SPECIFIC_DAYS: z.object({ days: z.array(z.number()), hours: z.array(z.number()), timezone: z.string() }),
  CRON: z.object({ spec: z.string(), timezone: z.string() }),
} as const;
type Strategy = keyof typeof configs;
const strategies = ['MANUAL', ...Object.keys(configs)];

export interface WireSchedule {
  readonly strategy: string;
  readonly config: JsonObject | null;
}

/** Where in the request the two parts are. */
export interface SchedulePlaces {
  readonly strategy: readonly string[];
  readonly config: readonly string[];
}

/** Null: only by hand. Refused outright: a strategy that others know and this server does not. */
export function readSchedule(
  strategy: string,
  config: Json | undefined,
  places: SchedulePlaces,
  limits: ScheduleLimits,
  faults: InputFault[],
): Schedule | null | PublicRefusal {
  const name = strategy.toUpperCase();
  const say = (path: readonly string[], message: string) =>
    faults.push({ field: path.join('.'), message: `"${path.join('.')}" ${message}` });
  if (name === 'DBT_CLOUD') {
    return badRequest('Schedules of dbt Cloud are not known to this server.', places.strategy.join('.'));
  }
  const known = name === 'MANUAL' ? z.object({}) : Object.hasOwn(configs, name) ? configs[name as Strategy] : undefined;
  if (known === undefined) {
    say(places.strategy, `must be one of ${strategies.join(', ')}`);
    return null;
  }
  for (const key of Object.keys(typeof config === 'object' && config !== null ? config : {})) {
    if (!Object.hasOwn(known.shape, key)) say([...places.config, key], `is nothing that ${name} takes`);
  }
  if (name === 'MANUAL') return null;
  const read = readBody(known, config ?? {}, faults, places.config);
  const kind = kinds[name as Strategy];
  if (read !== null) {
    const schedule = { kind, ...read } as Schedule;
    for (const { where, message } of scheduleFaults(schedule, limits)) say([...places.config, where], message);
    return schedule;
  }
  // What is there is looked at beside what nothing is wrong with.
  const there = readParts(known, config);
  const filled = { kind, ...harmless[name as Strategy], ...there } as Schedule;
  for (const { where, message } of scheduleFaults(filled, limits)) {
    if (Object.hasOwn(there, where)) say([...places.config, where], message);
  }
  return null;
}

const harmless: Readonly<Record<Strategy, object>> = {
  PERIODIC: { interval: '1d' },
  SPECIFIC_DAYS: { days: [0], hours: [0], timezone: 'UTC' },
  CRON: { spec: '0 0 * * *', timezone: 'UTC' },
};

const kinds: Readonly<Record<Strategy, Schedule['kind']>> = {
  PERIODIC: 'interval',
  SPECIFIC_DAYS: 'days',
  CRON: 'cron',
};

export function writeSchedule(schedule: ModelSchedule | null): WireSchedule {
  if (schedule === null || schedule.kind === 'manual') return { strategy: 'MANUAL', config: null };
  const { kind, ...config } = schedule;
  const [strategy] = Object.entries(kinds).find(([, one]) => one === kind) as [Strategy, Schedule['kind']];
  return { strategy, config };
}
