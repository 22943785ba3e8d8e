/**
 * Carrying out a plan. Promised: all of it or nothing; one at a time; never a plan that was made for another state of the
 * workspace than the one it finds; never a mapping removed or reset under a sync that runs.
 */
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Json } from '../base/json.ts';
import type { Database, Transaction } from '../db/db.ts';
import { type Actor, commandLine, recordPlan } from './audit.ts';
import { type Definitions, type Kind, kinds } from './definitions.ts';
import { changeWorkspace } from './lock.ts';
import { bumpEpoch, resolveMapping } from './lookup.ts';
import { type ApplyPlan, type PlannedReset, stateOf } from './plan.ts';
import { readRecords, splitSettings, type WorkspaceRecords } from './records.ts';
import type { Secrets } from './secrets.ts';
import { createSpace } from './spaces.ts';
import type { ResolvedMapping } from './workspace.ts';
import { newWriteKey } from './write-keys.ts';

export interface Applied {
  /** How many objects were created, changed and removed. */
  readonly created: number;
  readonly changed: number;
  readonly removed: number;
  /** Mappings in a new epoch: what is remembered of their deliveries should be dropped. */
  readonly resets: readonly PlannedReset[];
  /** Mappings that are gone: the same. */
  readonly removedMappings: readonly { readonly mappingId: string; readonly mapping: string }[];
  /**
   * A reset or removed mapping as it was, with the source that holds its state. A function, so that printing the result
   * prints no secret.
   */
  readonly formerly: (mappingId: string) => ResolvedMapping;
}

/** Errors: `workspace_changed`, `sync_running` for a mapping that would be removed or reset, `secret_…`. */
export async function runApply(
  { db, secrets }: { readonly db: Database; readonly secrets: Secrets },
  plan: ApplyPlan,
  actor: Actor = commandLine,
): Promise<Applied> {
  return changeWorkspace(db, async (tx) => {
    const records = await readRecords(tx);
    if (stateOf(records) !== plan.state) {
      throw new MillraceError('workspace_changed', 'The workspace was changed after this plan was made.');
    }
    return carryOut(tx, secrets, records, plan, actor);
  });
}

/** Changes the workspace as the plan says, in a transaction that holds its lock, and notes who did it. */
export async function carryOut(
  tx: Transaction,
  secrets: Secrets,
  records: WorkspaceRecords,
  plan: ApplyPlan,
  actor: Actor,
): Promise<Applied> {
  const removed = removals(records, plan);
  await refuseProfiles(tx, removed.space, plan);
  const removedMappings = removed.mapping.map(({ id, name }) => ({ mappingId: id, mapping: name }));
  // Before anything is written: a sync that ran on would deliver for a mapping that is gone, or begins anew.
  await plan.excludeSyncs(tx, [...removedMappings, ...plan.resets]);
  const writer = makeWriter(tx, secrets, records);
  await freeWriteKeys(tx, removed['event stream'], plan);
  await writeWanted(writer, plan);
  for (const { mappingId } of plan.resets) await bumpEpoch(tx, mappingId);
  for (const kind of ['alert', 'mapping', 'destination', 'model', 'source', 'space'] as const) {
    await tx.query(`DELETE FROM ${kinds[kind].table} WHERE id = ANY($1)`, [removed[kind].map(({ id }) => id)]);
  }
  const gone = [...removed.source, ...removed['event stream']].map(({ id }) => id);
  await tx.query('DELETE FROM source_labels WHERE source_id = ANY($1)', [gone]);
  await recordPlan(tx, actor, plan.entries, (kind, name) => writer.idOf(kind, name));
  const count = (action: string) => plan.entries.filter((entry) => entry.action === action).length;
  return {
    created: count('create'),
    changed: count('change'),
    removed: count('remove'),
    resets: plan.resets,
    removedMappings,
    formerly: (mappingId) => resolveMapping(records, secrets, mappingId),
  };
}

/** Before anything is written: a stream may take the write key of one that is removed, or that gets another. */
async function freeWriteKeys(tx: Transaction, removed: Removals['event stream'], plan: ApplyPlan): Promise<void> {
  await tx.query('DELETE FROM event_streams WHERE id = ANY($1)', [removed.map(({ id }) => id)]);
  // Only those that the plan changes: another may just have got other keys in this transaction.
  const changed = new Set(
    plan.entries.filter(({ kind, action }) => kind === 'event stream' && action === 'change').map(({ name }) => name),
  );
  const given = plan.wanted().eventStreams.filter(({ name, writeKey }) => writeKey !== null && changed.has(name));
  await tx.query(
    `UPDATE event_streams e SET write_key = '(none) ' || e.id FROM unnest($1::text[], $2::text[]) AS wanted (name, write_key)
     WHERE e.name = wanted.name AND e.write_key <> wanted.write_key`,
    [given.map(({ name }) => name), given.map(({ writeKey }) => writeKey)],
  );
}

type Removals = Readonly<Record<Kind, readonly { readonly id: string; readonly name: string; readonly no?: number }[]>>;

function removals(records: WorkspaceRecords, plan: ApplyPlan): Removals {
  const gone = (kind: Kind) => {
    const names = new Set(
      plan.entries.filter((entry) => entry.kind === kind && entry.action === 'remove').map(({ name }) => name),
    );
    return records[kinds[kind].table].filter(({ name }) => names.has(name));
  };
  return {
    space: gone('space'),
    source: gone('source'),
    model: gone('model'),
    destination: gone('destination'),
    mapping: gone('mapping'),
    'event stream': gone('event stream'),
    alert: gone('alert'),
  };
}

async function refuseProfiles(tx: Transaction, spaces: Removals['space'], plan: ApplyPlan): Promise<void> {
  for (const { name, no } of spaces) {
    if (no === undefined || !(await plan.spaceHasProfiles(tx, no))) continue;
    throw new MillraceError('workspace_changed', `The space ${name} got profiles after this plan was made.`);
  }
}

interface Writer {
  readonly tx: Transaction;
  /** The id of an object that is there, or was just made. */
  idOf(kind: Kind, name: string): string;
  /** An object that was made elsewhere. */
  made(kind: Kind, object: { readonly id: string; readonly name: string }): void;
  /** Inserts the object, or updates the one of this name. */
  write(kind: Exclude<Kind, 'space'>, name: string, values: Readonly<Record<string, unknown>>): Promise<void>;
  /** Settings as columns. */
  split(
    kind: 'source' | 'destination' | 'alert',
    name: string,
    settings: Parameters<typeof splitSettings>[2],
  ): ReturnType<typeof splitSettings>;
}

function makeWriter(tx: Transaction, secrets: Secrets, records: WorkspaceRecords): Writer {
  const ids = new Map<string, string>();
  const there = new Set<string>();
  for (const kind of Object.keys(kinds) as Kind[]) {
    for (const { id, name } of records[kinds[kind].table]) {
      ids.set(`${kind} ${name}`, id);
      there.add(id);
    }
  }
  const idOf = (kind: Kind, name: string) => {
    const id = ids.get(`${kind} ${name}`) ?? newId(kinds[kind].prefix);
    ids.set(`${kind} ${name}`, id);
    return id;
  };
  return {
    tx,
    idOf,
    made: (kind, { id, name }) => void ids.set(`${kind} ${name}`, id),
    async write(kind, name, values) {
      const id = idOf(kind, name);
      const columns = Object.keys(values);
      const set = columns.map((column, index) => `${column} = $${index + 3}`).join(', ');
      const statement = there.has(id)
        ? `UPDATE ${kinds[kind].table} SET name = $2, ${set}, updated_at = now() WHERE id = $1`
        : `INSERT INTO ${kinds[kind].table} (id, name, ${columns.join(', ')}, created_at, updated_at)
           VALUES ($1, $2, ${columns.map((_, index) => `$${index + 3}`).join(', ')}, now(), now())`;
      await tx.query(statement, [id, name, ...Object.values(values)]);
    },
    split: (kind, name, settings) => splitSettings(secrets, idOf(kind, name), settings),
  };
}

async function writeWanted(writer: Writer, plan: ApplyPlan): Promise<void> {
  const wanted = plan.wanted();
  const touched = new Set(
    plan.entries
      .filter(({ action }) => action === 'create' || action === 'change')
      .map(({ kind, name }) => `${kind} ${name}`),
  );
  const isTouched = (kind: Kind) => (definition: { readonly name: string }) =>
    touched.has(`${kind} ${definition.name}`);
  const created = new Set(
    plan.entries.filter(({ action }) => action === 'create').map(({ kind, name }) => `${kind} ${name}`),
  );
  for (const space of wanted.spaces.filter(isTouched('space'))) {
    const { name, title, settings } = space;
    if (created.has(`space ${name}`)) writer.made('space', await createSpace(writer.tx, name, settings, title));
    else await updateSpace(writer, space);
  }
  for (const source of wanted.sources.filter(isTouched('source')))
    await writeSource(writer, source, created.has(`source ${source.name}`));
  for (const model of wanted.models.filter(isTouched('model'))) await writeModel(writer, model);
  for (const destination of wanted.destinations.filter(isTouched('destination')))
    await writeDestination(writer, destination);
  for (const mapping of wanted.mappings.filter(isTouched('mapping'))) await writeMapping(writer, mapping);
  for (const stream of wanted.eventStreams.filter(isTouched('event stream')))
    await writeEventStream(writer, stream, created.has(`event stream ${stream.name}`));
  for (const alert of wanted.alerts.filter(isTouched('alert'))) await writeAlert(writer, alert);
}

async function updateSpace(writer: Writer, { name, title, settings }: Definitions['spaces'][number]): Promise<void> {
  await writer.tx.query('UPDATE spaces SET settings = $2, title = $3, updated_at = now() WHERE id = $1', [
    writer.idOf('space', name),
    JSON.stringify(settings),
    title,
  ]);
}

async function writeSource(writer: Writer, source: Definitions['sources'][number], isNew: boolean): Promise<void> {
  const { name, title, engine, settings, extraSettings, enabled } = source;
  const extra = Object.keys(extraSettings).length > 0 && { extra: extraSettings };
  await writer.write('source', name, {
    title,
    engine,
    enabled,
    ...writer.split('source', name, { ...settings, ...extra }),
    ...(isNew && { write_keys: [newWriteKey()] }),
  });
}

async function writeModel(writer: Writer, model: Definitions['models'][number]): Promise<void> {
  const { name, title, source, description, query, identifierColumn, enabled, schedule } = model;
  await writer.write('model', name, {
    title,
    source_id: writer.idOf('source', source),
    description,
    query,
    identifier_column: identifierColumn,
    enabled,
    schedule: schedule === null ? null : JSON.stringify(schedule),
  });
}

async function writeDestination(writer: Writer, destination: Definitions['destinations'][number]): Promise<void> {
  const { name, title, source, slug, settings, enabled } = destination;
  const source_id = writer.idOf('source', source);
  const columns = writer.split('destination', name, settings);
  await writer.write('destination', name, { title, source_id, slug, enabled, ...columns });
}

async function writeMapping(writer: Writer, mapping: Definitions['mappings'][number]): Promise<void> {
  await writer.write('mapping', mapping.name, {
    title: mapping.title,
    destination_id: writer.idOf('destination', mapping.destination),
    model_id: writer.idOf('model', mapping.model),
    action: mapping.action,
    trigger_fql: mapping.trigger,
    fields: JSON.stringify(mapping.fields),
    skip_nulls: JSON.stringify(mapping.skipNulls),
    enabled: mapping.enabled,
    skip_backfill: mapping.skipBackfill,
    guard_percent: mapping.guardPercent,
    schedule: mapping.schedule === null ? null : JSON.stringify(mapping.schedule),
  });
}

async function writeEventStream(
  writer: Writer,
  { name, title, spaces, clientSide, oauthEnforced, writeKey, enabled }: Definitions['eventStreams'][number],
  isNew: boolean,
): Promise<void> {
  const write_key = writeKey ?? (isNew ? newWriteKey() : undefined);
  await writer.write('event stream', name, {
    title,
    space_ids: spaces.map((space) => writer.idOf('space', space)),
    client_side: clientSide,
    oauth_enforced: oauthEnforced,
    enabled,
    ...(write_key !== undefined && { write_key }),
  });
}

async function writeAlert(writer: Writer, alert: Definitions['alerts'][number]): Promise<void> {
  await writer.write('alert', alert.name, {
    title: alert.title,
    events: alert.on,
    mapping_ids: alert.mappings?.map((mapping) => writer.idOf('mapping', mapping)) ?? null,
    threshold_percent: alert.thresholdPercent,
    enabled: alert.enabled,
    ...writer.split('alert', alert.name, { channels: alert.channels as unknown as Json }),
  });
}
