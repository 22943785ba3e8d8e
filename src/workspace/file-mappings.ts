/** The mappings of a workspace file. */
import type { Fault } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import { suggestion } from '../base/near-names.ts';
import type { MappingDefinition } from './definitions.ts';
import type { FaultList, FilePath } from './file-faults.ts';
import type { Shaped } from './file-shape.ts';
import { fieldFaults, isSpaceKey, namedSpace, skipNullFault, triggerFault } from './mapping-rules.ts';
import { type Schedule, scheduleFaults } from './schedules.ts';
import type { Fields, MappingChecks } from './workspace-file.ts';

export interface MappingContext {
  readonly faults: FaultList;
  readonly checks: MappingChecks;
  /** Null: the messages go to another server, whose write keys are not known here. */
  readonly spaceNames: readonly string[] | null;
}

/** `deferSpace` takes a reference to a space that may be in the database, and the fault it is if it is not. */
export function readMapping(
  name: string,
  shape: Shaped<'mappings'>,
  context: MappingContext,
  deferSpace: (key: string, fault: Fault) => void,
): MappingDefinition {
  const { faults, checks } = context;
  const here = ['mappings', name];
  const action = checks.actions[shape.action];
  const given = shape.fields as Fields;
  const actionIsKnown = !faults.isStandIn([...here, 'action']);
  const found = actionIsKnown
    ? fieldFaults(action, given, checks)
    : [...checks.checkMapping(given), ...faultsOfEveryAction(given, checks)];
  for (const { where, message } of found) faults.addBelow([...here, 'fields'], where, message);
  for (const [index, field] of shape.skip_nulls.entries()) {
    const reason = skipNullFault(field, action.fields);
    if (reason !== null && actionIsKnown) faults.add([...here, 'skip_nulls', index], reason);
  }
  const trigger = readTrigger(shape, here, context);
  checkSpace(given.engage_space, [...here, 'fields', 'engage_space'], context, deferSpace);
  return {
    name,
    title: shape.title ?? null,
    destination: shape.destination,
    model: shape.model,
    action: shape.action,
    trigger,
    fields: given,
    skipNulls: [...new Set(shape.skip_nulls)],
    skipBackfill: shape.skip_backfill,
    guardPercent: shape.guard_percent,
    schedule: readSchedule(shape, here, context),
    enabled: shape.enabled,
  };
}

/** Without a known action, what every one of them would say. */
function faultsOfEveryAction(given: Fields, { actions, checkFields, fillDefaults }: MappingChecks): readonly Fault[] {
  const [first = [], ...others] = Object.values(actions).map((action) =>
    checkFields(action, fillDefaults(action, given)).map(({ where }) => where),
  );
  return first
    .filter((name) => others.every((names) => names.includes(name)))
    .map((where) => ({
      where,
      message: `${isGiven(given[where]) ? 'is not a field of any' : 'is required by every'} action`,
    }));
}

function isGiven(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** New and updated rows, unless the file says otherwise. */
function readTrigger(shape: Shaped<'mappings'>, here: FilePath, { faults, checks }: MappingContext): string {
  if (shape.trigger === undefined) {
    return [...new Set(shape.records ?? ['new', 'updated'])].map((kind) => `event = "${kind}"`).join(' or ');
  }
  const place = [...here, 'trigger'];
  if (shape.records !== undefined) faults.addKey(place, 'a mapping has either records or trigger.');
  const fault = triggerFault(shape.trigger, checks);
  if (fault !== null) faults.add(place, fault);
  return shape.trigger;
}

/** As a file writes it. */
function readSchedule({ schedule }: Shaped<'mappings'>, here: FilePath, context: MappingContext): Schedule | null {
  if (schedule === undefined || schedule === 'manual') return null;
  const read: Schedule =
    'every' in schedule
      ? { kind: 'interval', interval: schedule.every }
      : 'cron' in schedule
        ? { kind: 'cron', spec: schedule.cron, timezone: schedule.timezone }
        : { kind: 'days', ...schedule };
  const keys: Readonly<Record<string, string>> = { interval: 'every', spec: 'cron' };
  for (const { where, message } of scheduleFaults(read, context.checks.scheduleLimits)) {
    context.faults.add([...here, 'schedule', keys[where] ?? where], `this ${message}.`);
  }
  return read;
}

/** A space that is named outright must exist; one that is computed from the row is known only when rows come. */
function checkSpace(
  value: Json | undefined,
  path: FilePath,
  { faults, spaceNames }: MappingContext,
  deferSpace: (key: string, fault: Fault) => void,
): void {
  const literal = namedSpace(value);
  if (literal === null || spaceNames === null) return;
  if (spaceNames.includes(literal) || faults.isStandIn(['spaces'])) return;
  const message = `there is no space "${literal}".${suggestion(literal, spaceNames)}`;
  if (isSpaceKey(literal)) deferSpace(literal, faults.faultAt(path, message));
  else faults.add(path, message);
}
