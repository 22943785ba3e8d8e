/** A mapping, compiled: what a sync needs to know before it reads a row. */
import { MillraceError } from '../base/errors.ts';
import { deepestNesting, isDeeperThan } from '../base/text.ts';
import { actions, fillDefaults } from '../destination/destination.ts';
import { sizeCheck } from '../diff/diff.ts';
import { changeEvents, compileMapping, compileTrigger, lostMembers, usedColumns } from '../mapping/mapping.ts';
import type { Column, Value } from '../warehouse/warehouse.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';
import type { Rules } from './decisions.ts';
import type { SyncSettings } from './settings.ts';

export interface CompiledJob {
  /** The columns the mapping and its trigger look at. */
  readonly columns: readonly string[] | 'all';
  readonly trigger: Rules['trigger'];
  /** The rules for the columns that are read. `at` is the time of the extraction. */
  rulesFor(columns: readonly Column[], at: Date): Rules;
}

/** Errors: `mapping_invalid`, `trigger_invalid`. */
export function compileJob(job: ResolvedMapping, settings: SyncSettings): CompiledJob {
  const { mapping, model, destination } = job;
  const trigger = compileTrigger(mapping.trigger);
  const action = actions[mapping.action];
  if (action === undefined) throw new MillraceError('internal', `There is no action ${mapping.action}.`);
  const fields = fillDefaults(action, mapping.fields);
  const payloadOf = compileMapping(fields, { skipNulls: mapping.skipNulls });
  const used = usedColumns(fields, trigger);
  return {
    trigger,
    columns: listOf(used),
    rulesFor: (columns, at) => ({
      eventOf: changeEvents(columns, {
        mappingId: mapping.id,
        epoch: mapping.epoch,
        identifierColumn: model.identifierColumn,
        at,
      }),
      trigger,
      payloadOf,
      action,
      endpoint: destination.settings.endpoint,
      tooLarge: tooLarge(columns, settings),
      losesMembers: lostMembers(columns, used),
    }),
  };
}

function listOf(columns: ReadonlySet<string> | null): readonly string[] | 'all' {
  return columns === null ? 'all' : [...columns];
}

function tooLarge(columns: readonly Column[], { recordBytes, valueBytes }: SyncSettings): Rules['tooLarge'] {
  const check = sizeCheck(columns, { record: recordBytes, value: valueBytes });
  const nested = columns.flatMap(({ type }, index) => (type === 'json' ? [index] : []));
  return ({ row }) => {
    // Before the size: what measures it needs a stack as deep as the value.
    const deep = nested.find((index) => isDeeperThan(row[index] as Value, deepestNesting));
    if (deep !== undefined) {
      return `The value of column ${columns[deep]?.name} is nested deeper than ${deepestNesting} levels. Flatten it in the model, or leave the column out.`;
    }
    const found = check(row);
    if (found === null) return null;
    return found.column === null
      ? `The row has ${found.bytes} bytes as JSON; the limit is ${recordBytes}. Select less in the model, or raise the setting --record-bytes.`
      : `The value of column ${found.column} has ${found.bytes} bytes as JSON; the limit is ${valueBytes}. Shorten it in the model, or raise the setting --value-bytes.`;
  };
}
