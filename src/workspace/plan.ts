/**
 * What applying a file would do. In: the file, and the workspace as it is. Out: one entry for every object of either.
 * Promised: nothing is changed; no secret is in the entries; the plan knows which state it was made for.
 */
import { createHash } from 'node:crypto';
import type { Fault } from '../base/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import type { Queryable, Transaction } from '../db/db.ts';
import { type Definition, type Definitions, definitionsOf, fileForm, type Kind, kinds } from './definitions.ts';
import { readRecords, type WorkspaceRecords } from './records.ts';
import { maskSettings, secretShown } from './secret-settings.ts';
import type { WorkspaceStore } from './workspace.ts';
import { invalid, type WorkspaceFile } from './workspace-file.ts';

export interface PlanChange {
  /** As in the file, e.g. `fields.traits.plan`. */
  readonly path: string;
  /** Undefined where there is nothing; `(set)` for secrets. */
  readonly from: Json | undefined;
  readonly to: Json | undefined;
}

export interface PlanEntry {
  /** `keep`: the file does not name it, yet it stays, for the reason in the notes. */
  readonly action: 'create' | 'change' | 'remove' | 'same' | 'keep';
  readonly kind: Kind;
  readonly name: string;
  /** Of changes only, in the order of paths. */
  readonly changes: readonly PlanChange[];
  /** What else it means, in sentences. */
  readonly notes: readonly string[];
}

/** A mapping that begins anew because its rows get other identifiers. */
export interface PlannedReset {
  readonly mappingId: string;
  readonly mapping: string;
  readonly reason: string;
}

export interface ApplyPlan {
  readonly entries: readonly PlanEntry[];
  readonly resets: readonly PlannedReset[];
  readonly changesNothing: boolean;
  /** Which state of the workspace it was made for. */
  readonly state: string;
  /** What the file wants; a function, so that printing the plan prints no secret. */
  readonly wanted: () => Definitions;
  readonly spaceHasProfiles: SpaceHasProfiles;
  readonly excludeSyncs: ExcludeSyncs;
}

/** Asks the room that keeps profiles. */
export type SpaceHasProfiles = (db: Queryable, spaceNo: number) => Promise<boolean>;

/** Keeps syncs of these mappings out until the transaction ends. Error `sync_running` when one runs already. */
export type ExcludeSyncs = (
  tx: Transaction,
  mappings: readonly { readonly mappingId: string; readonly mapping: string }[],
) => Promise<void>;

/** What other rooms do for an apply. */
export interface ApplyOptions {
  readonly spaceHasProfiles: SpaceHasProfiles;
  readonly excludeSyncs: ExcludeSyncs;
}

/**
 * Errors: `workspace_invalid` when a mapping names a space by an id or write key that is not there, or an event stream takes
 * a write key that is something else's; `secret_…`.
 */
export async function planApply(
  { db, secrets }: WorkspaceStore,
  file: WorkspaceFile,
  options: ApplyOptions,
): Promise<ApplyPlan> {
  const records = await readRecords(db);
  const stored = definitionsOf(records, secrets);
  const wanted = file.definitions();
  const kept = await keptSpaces(db, records, wanted, options.spaceHasProfiles);
  const staying = new Set([...wanted.spaces.map(({ name }) => name), ...kept]);
  const known = records.spaces.filter(({ name }) => staying.has(name)).flatMap(({ id, write_key }) => [id, write_key]);
  const dangling = file.spaceKeys.filter(({ key }) => !known.includes(key));
  if (dangling.length > 0)
    throw invalid(
      file.fileName,
      dangling.map(({ fault }) => fault),
    );
  const taken = takenWriteKeys(records, wanted, file);
  if (taken.length > 0) throw invalid(file.fileName, taken);
  return planBetween(records, stored, wanted, kept, options);
}

/** What leads from the definitions that are stored to those that are wanted; the latter are known to hold together. */
export function planBetween(
  records: WorkspaceRecords,
  stored: Definitions,
  wanted: Definitions,
  kept: ReadonlySet<string>,
  options: ApplyOptions,
): ApplyPlan {
  const resets = findResets(records, stored, wanted);
  const entries = compare(stored, wanted, kept, resets);
  return {
    entries,
    resets,
    changesNothing: entries.every(({ action }) => action === 'same' || action === 'keep'),
    state: stateOf(records),
    wanted: () => wanted,
    spaceHasProfiles: options.spaceHasProfiles,
    excludeSyncs: options.excludeSyncs,
  };
}

/** Equal for equal contents; the sealed secrets stand for the secrets, and epochs do not count. */
export function stateOf(records: WorkspaceRecords): string {
  const mappings = records.mappings.map(({ epoch: _epoch, ...rest }) => rest);
  return createHash('sha256')
    .update(JSON.stringify({ ...records, mappings }))
    .digest('hex');
}

async function keptSpaces(
  db: Queryable,
  records: WorkspaceRecords,
  wanted: Definitions,
  hasProfiles: SpaceHasProfiles,
): Promise<ReadonlySet<string>> {
  const named = new Set(wanted.spaces.map(({ name }) => name));
  const kept = new Set<string>();
  for (const { name, no } of records.spaces) if (!named.has(name) && (await hasProfiles(db, no))) kept.add(name);
  return kept;
}

/** Write keys of the file that a space has, or a stream that keeps its own because the file gives it none. */
function takenWriteKeys(records: WorkspaceRecords, wanted: Definitions, file: WorkspaceFile): readonly Fault[] {
  const keeping = new Set(wanted.eventStreams.filter(({ writeKey }) => writeKey === null).map(({ name }) => name));
  const owners = new Map([
    ...records.spaces.map(({ name, write_key }) => [write_key, `space "${name}"`] as const),
    ...records.event_streams
      .filter(({ name }) => keeping.has(name))
      .map(({ name, write_key }) => [write_key, `event stream "${name}"`] as const),
    ...records.event_streams.flatMap(({ name, more_write_keys }) =>
      more_write_keys.map((key) => [key, `event stream "${name}"`] as const),
    ),
  ]);
  return wanted.eventStreams.flatMap(({ name, writeKey }) => {
    const owner = writeKey === null ? undefined : owners.get(writeKey);
    return owner === undefined
      ? []
      : [file.faultAt(['event_streams', name, 'write_key'], `the ${owner} has this write key.`)];
  });
}

/** A state remembers rows by identifier in one source: another identifier column or source makes it worthless. */
function findResets(records: WorkspaceRecords, stored: Definitions, wanted: Definitions): readonly PlannedReset[] {
  const models = byName(stored.models);
  const nextModels = byName(wanted.models);
  const next = byName(wanted.mappings);
  return stored.mappings.flatMap(({ name, model }) => {
    const [before, after] = [models.get(model), nextModels.get(next.get(name)?.model ?? '')];
    if (before === undefined || after === undefined) return [];
    const reason =
      before.source !== after.source
        ? `its rows come from the source ${after.source} instead of ${before.source}`
        : before.identifierColumn !== after.identifierColumn
          ? `its identifier column becomes ${after.identifierColumn} instead of ${before.identifierColumn}`
          : null;
    const mappingId = records.mappings.find((mapping) => mapping.name === name)?.id;
    return reason === null || mappingId === undefined ? [] : [{ mappingId, mapping: name, reason }];
  });
}

const order: readonly Kind[] = ['space', 'event stream', 'source', 'model', 'destination', 'mapping', 'alert'];

function compare(
  stored: Definitions,
  wanted: Definitions,
  kept: ReadonlySet<string>,
  resets: readonly PlannedReset[],
): readonly PlanEntry[] {
  return order.flatMap((kind) => {
    const before = byName<Definition>(stored[kinds[kind].list]);
    const after = byName<Definition>(wanted[kinds[kind].list]);
    const names = [...after.keys(), ...[...before.keys()].filter((name) => !after.has(name))];
    return names.map((name): PlanEntry => {
      const [from, to] = [before.get(name), after.get(name)];
      if (to === undefined) return kind === 'space' && kept.has(name) ? keep(name) : remove(kind, name);
      if (from === undefined) return { action: 'create', kind, name, changes: [], notes: [] };
      const changes = changesBetween(fileForm(kind, from), fileForm(kind, withKept(from, to)), masks[kind]);
      const notes = notesOn(kind, name, changes, wanted, resets);
      return { action: changes.length === 0 ? 'same' : 'change', kind, name, changes, notes };
    });
  });
}

function keep(name: string): PlanEntry {
  const reason = 'The file does not name it, but it has profiles, so it is kept.';
  return { action: 'keep', kind: 'space', name, changes: [], notes: [reason] };
}

function remove(kind: Kind, name: string): PlanEntry {
  const notes: Partial<Record<Kind, string>> = {
    mapping: 'What it has delivered is forgotten; a mapping of this name would begin anew.',
    space: 'Its write key and tokens stop working.',
    'event stream': `Its write key stops working: ${discarded}`,
  };
  return { action: 'remove', kind, name, changes: [], notes: notes[kind] === undefined ? [] : [notes[kind]] };
}

function notesOn(
  kind: Kind,
  name: string,
  changes: readonly PlanChange[],
  wanted: Definitions,
  resets: readonly PlannedReset[],
): readonly string[] {
  const modelOf = new Map(wanted.mappings.map((mapping) => [mapping.name, mapping.model]));
  const touched = resets.filter(({ mapping }) =>
    kind === 'mapping' ? mapping === name : kind === 'model' && modelOf.get(mapping) === name,
  );
  const notes = touched.map(
    ({ mapping, reason }) =>
      `This resets the state of mapping ${mapping}: ${reason}. Its next sync sends every row as new.`,
  );
  const changed = (start: string) =>
    changes.some(({ path }) => path === start || path.startsWith(`${start}.`) || path.startsWith(`${start}[`));
  if (kind === 'space' && ['identifiers', 'identifiers_in_order', 'auto_register', 'filters'].some(changed))
    notes.push('Existing profiles stay as they are; new messages follow the new rules.');
  if (kind === 'mapping' && touched.length === 0 && (changed('fields.engage_space') || changed('destination'))) {
    notes.push('Rows already delivered are not sent again; reset the mapping to send them all.');
  } else if (kind === 'mapping' && touched.length === 0 && ['fields', 'skip_nulls', 'action'].some(changed)) {
    notes.push(
      'Rows already delivered are sent anew when they change, or when the mapping takes other columns than before; reset the mapping to send them all.',
    );
  }
  if (kind === 'event stream' && changed('write_key')) notes.push(`Its old write key stops working: ${discarded}`);
  return notes;
}

function byName<T extends { readonly name: string }>(list: readonly T[]): ReadonlyMap<string, T> {
  return new Map(list.map((item) => [item.name, item]));
}

const discarded = 'SDKs that use it are answered 200 and their messages are discarded.';

/** What the file leaves to us stays as it is. */
function withKept(from: Definition, to: Definition): Definition {
  return 'writeKey' in from && 'writeKey' in to && to.writeKey === null ? { ...to, writeKey: from.writeKey } : to;
}

const asItIs = (form: JsonObject): JsonObject => form;

/** A write key may have come from a variable, so that it is not to be seen. */
const masks: Readonly<Record<Kind, typeof asItIs>> = {
  space: asItIs,
  'event stream': (form) => ({ ...form, write_key: secretShown }),
  source: maskSettings,
  model: asItIs,
  destination: maskSettings,
  mapping: asItIs,
  alert: maskSettings,
};

/** Where two definitions differ, in what `mask` leaves to be seen. */
function changesBetween(from: JsonObject, to: JsonObject, mask: typeof asItIs): readonly PlanChange[] {
  const [shownFrom, shownTo] = [mask(from), mask(to)];
  const differing: (readonly (string | number)[])[] = [];
  findDifferences(from, to, [], differing);
  const changes = new Map<string, PlanChange>();
  for (const path of differing) {
    const shown = shownPath(path, [shownFrom, shownTo]);
    const text = pathText(shown);
    changes.set(text, { path: text, from: at(shownFrom, shown), to: at(shownTo, shown) });
  }
  return [...changes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function findDifferences(
  from: Json | undefined,
  to: Json | undefined,
  path: readonly (string | number)[],
  found: (readonly (string | number)[])[],
): void {
  if (isJsonObject(from) && isJsonObject(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      findDifferences(from[key], to[key], [...path, key], found);
    }
  } else if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) {
    for (const [index, item] of from.entries()) findDifferences(item, to[index], [...path, index], found);
  } else if (canonical(from) !== canonical(to)) {
    found.push(path);
  }
}

/** Equal text for equal JSON, whatever the order of keys. */
function canonical(value: Json | undefined): string {
  return (
    JSON.stringify(value, (_, part: unknown) =>
      isJsonObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
    ) ?? 'undefined'
  );
}

/** Inside of something masked there is nothing to show: the path ends there. */
function shownPath(path: readonly (string | number)[], shown: readonly Json[]): readonly (string | number)[] {
  for (let length = 1; length < path.length; length++) {
    const start = path.slice(0, length);
    if (shown.some((value) => typeof at(value, start) === 'string')) return start;
  }
  return path;
}

function at(value: Json | undefined, path: readonly (string | number)[]): Json | undefined {
  let here: Json | undefined = value;
  for (const step of path) here = (here as Record<string | number, Json> | undefined)?.[step];
  return here;
}

function pathText(path: readonly (string | number)[]): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}
