/** A mapping, compiled: what a sync needs to know before it reads a row. */
import { MillraceError } from '../base/errors.ts';
import { actions } from '../destination/destination.ts';
import { oversize } from '../diff/diff.ts';
import { changeEvents, compileMapping, compileTrigger, usedColumns } from '../mapping/mapping.ts';
import type { Column } from '../warehouse/warehouse.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';
import type { Rules } from './decisions.ts';
import type { SyncSettings } from './settings.ts';

export interface CompiledJob {
  /** The columns the mapping and its trigger look at; null for all. */
  readonly columns: ReadonlySet<string> | null;
  readonly trigger: Rules['trigger'];
  /** The rules for the columns that are read. `at` is the time of the extraction. */
  rulesFor(columns: readonly Column[], at: Date): Rules;
}

/** Errors: `mapping_invalid`, `trigger_invalid`. */
export function compileJob(job: ResolvedMapping, settings: SyncSettings): CompiledJob {
  const { mapping, model, destination } = job;
  const trigger = compileTrigger(mapping.trigger);
  const payloadOf = compileMapping(mapping.fields, { skipNulls: mapping.skipNulls });
  const action = actions[mapping.action];
  if (action === undefined) throw new MillraceError('internal', `There is no action ${mapping.action}.`);
  return {
    trigger,
    columns: usedColumns(mapping.fields, trigger),
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
      tooLarge: (_, change) => tooLarge(columns, change.row, settings),
    }),
  };
}
