/** Suggested mappings for the columns that a model has now. No row is read. */
import { actions } from '../destination/destination.ts';
import { type Directives, type Suggestions, suggestedFields, suggestMapping } from '../mapping/mapping.ts';
import type { Column } from '../warehouse/warehouse.ts';
import type { Mapping, Model, Source } from '../workspace/workspace.ts';
import { modelColumns } from './preview.ts';
import type { SyncContext } from './runner.ts';

export interface SuggestedMapping extends Suggestions {
  readonly columns: readonly Column[];
  /** What is proposed, as the `fields` of a mapping. The profile space is not among it. */
  readonly fields: Directives;
}

/** Errors: those of the model and its warehouse. */
export async function suggestForModel(
  context: SyncContext,
  found: { readonly model: Model; readonly source: Source },
  action: Mapping['action'],
): Promise<SuggestedMapping> {
  const columns = await modelColumns(context, found);
  const suggestions = suggestMapping(columns, actions[action], found.model.identifierColumn);
  return { ...suggestions, columns, fields: suggestedFields(suggestions.proposed) };
}
