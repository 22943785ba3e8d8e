/** A look before a sync: the first rows of a model, and the message that a row would become. Nothing is sent or stored. */
import { MillraceError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { type Change, type ChangeKind, checkModel } from '../diff/diff.ts';
import type { ChangeEvent } from '../mapping/mapping.ts';
import type { Column, Row } from '../warehouse/warehouse.ts';
import type { Model, ResolvedMapping, Source } from '../workspace/workspace.ts';
import { decide, type Rules } from './decisions.ts';
import { firstRows } from './first-rows.ts';
import { compileJob } from './rules.ts';
import { type SyncContext, settingsOf } from './runner.ts';

export interface ModelPreview {
  readonly columns: readonly Column[];
  /** The first ten, in the order the warehouse gives them. */
  readonly rows: readonly Row[];
}

/** Errors: `row_too_large`, and those of the model. */
export async function previewModel(
  context: SyncContext,
  { model, source }: { readonly model: Model; readonly source: Source },
  signal?: AbortSignal,
): Promise<ModelPreview> {
  await using warehouse = await context.openWarehouse(source);
  const limits = settingsOf(context);
  const columns = await checkModel(warehouse, model, limits.modelLimits);
  return { columns, rows: await firstRows(warehouse, model, { columns, limits, signal }) };
}

/** The columns of a model, without running it. */
export async function modelColumns(
  context: SyncContext,
  { model, source }: { readonly model: Model; readonly source: Source },
): Promise<readonly Column[]> {
  await using warehouse = await context.openWarehouse(source);
  return await checkModel(warehouse, model, settingsOf(context).modelLimits);
}

/** What a row would become, as a change of this kind. */
export interface TestedMapping {
  readonly recordId: string;
  readonly kind: ChangeKind;
  /** What the mapping sees. In a sync the message id also depends on what was delivered before. */
  readonly event: ChangeEvent;
  /** Null when the mapping fails on the row. */
  readonly payload: JsonObject | null;
  readonly result:
    | { readonly kind: 'message'; readonly space: string; readonly message: JsonObject }
    | { readonly kind: 'skipped'; readonly reason: string }
    | { readonly kind: 'refused'; readonly code: string; readonly reason: string };
}

/**
 * Takes the first row of the preview, or the one with this identifier, as the first kind of change that the trigger can
 * match. Errors: `sync_row_not_found`, `row_too_large`, and those of the model and the mapping.
 */
export function testMapping(
  context: SyncContext,
  job: ResolvedMapping,
  recordId?: string,
  signal?: AbortSignal,
): Promise<TestedMapping> {
  return testRow(context, job, recordId, 0, signal);
}

/** `revision` is part of the message id. */
export async function testRow(
  context: SyncContext,
  job: ResolvedMapping,
  recordId: string | undefined,
  revision: number,
  signal?: AbortSignal,
): Promise<TestedMapping> {
  const limits = settingsOf(context);
  const compiled = compileJob(job, limits);
  await using warehouse = await context.openWarehouse(job.source);
  const columns = await checkModel(warehouse, job.model, limits.modelLimits);
  const identifier = columns.findIndex(({ name }) => name === job.model.identifierColumn);
  const { dialect } = warehouse;
  const idText = dialect.asText(
    `model.${dialect.identifier(job.model.identifierColumn)}`,
    columns[identifier] as Column,
  );
  const extra = {
    sql: idText,
    column: { name: 'the identifier as text', type: 'string', nativeType: 'text' },
  } as const;
  const condition = recordId === undefined ? '' : `WHERE ${idText} = ${dialect.string(recordId)}`;
  // Of those with the same identifier a second one shows that they are several.
  const most = recordId === undefined ? 1 : 2;
  const rows = await firstRows(warehouse, job.model, { columns, limits, extra, condition, most, signal });
  const [found] = rows;
  if (found === undefined) throw notFound(job, recordId);
  const row = found.slice(0, columns.length);
  const kind = (['new', 'updated', 'deleted'] as const).find((one) => compiled.trigger.kinds.has(one)) ?? 'new';
  const gone = kind === 'deleted';
  const change: Change = {
    kind,
    recordId: String(found.at(-1)),
    checksum: gone ? null : '0'.repeat(32),
    revision,
    deliveredBy: null,
    row: gone ? row.map(() => null) : row,
  };
  const rules = compiled.rulesFor(columns, context.clock.now());
  const event = rules.eventOf(change);
  return {
    recordId: change.recordId,
    kind,
    event,
    payload: payloadOf(rules, event),
    result: invalidRow(found.at(-1), recordId !== undefined && rows.length > 1) ?? resultOf(change, rules),
  };
}

/** A sync lists such a row as invalid and does not send it. */
function invalidRow(identifier: unknown, repeated: boolean): TestedMapping['result'] | null {
  if (identifier === null) {
    return {
      kind: 'refused',
      code: 'identifier_null',
      reason: 'The identifier is null, so a sync leaves the row out.',
    };
  }
  if (!repeated) return null;
  const reason = 'Several rows have this identifier, so a sync leaves them out.';
  return { kind: 'refused', code: 'identifier_duplicate', reason };
}

function payloadOf(rules: Rules, event: ChangeEvent): JsonObject | null {
  try {
    return rules.payloadOf({ ...event });
  } catch {
    // The reason is in the result.
    return null;
  }
}

function resultOf(change: Change, rules: Rules): TestedMapping['result'] {
  const decision = decide(change, rules);
  switch (decision.kind) {
    case 'send':
      return { kind: 'message', space: decision.delivery.space, message: decision.delivery.message };
    case 'refuse':
      return { kind: 'refused', code: decision.code, reason: decision.reason };
    default:
      return { kind: 'skipped', reason: `The trigger does not ask for this row as a change of kind "${change.kind}".` };
  }
}

function notFound({ model }: ResolvedMapping, recordId: string | undefined): MillraceError {
  const text =
    recordId === undefined
      ? `The model ${model.name} has no rows to test with.`
      : `The model ${model.name} has no row with the identifier ${JSON.stringify(recordId)}.`;
  return new MillraceError('sync_row_not_found', text);
}
