/** What belongs to a source: its models, destinations and mappings. Whoever may read or change the source may do so with them. */
import type { Queryable } from '../../../db/db.ts';
import {
  type Destination,
  type Draft,
  type Mapping,
  type Model,
  may,
  type ResolvedMapping,
  type Source,
  type Workspace,
  type WorkspaceGrant,
} from '../../../workspace/workspace.ts';
import { type ConfigDeps, readConfig } from '../config.ts';
import { badRequest, isRefusal, notFound, type PublicRefusal, refused } from '../errors.ts';
import { type AnySource, allSources, pickSource, readSourceLabels, resourceOf } from './source-list.ts';

export type SourcePower = 'source:read' | 'source:admin';

/** The workspace as somebody may see it. Holds secrets in clear. */
export interface View {
  readonly workspace: Workspace;
  readonly sources: readonly AnySource[];
  readonly grant: WorkspaceGrant;
  /** What is wanted at the source. */
  readonly power: SourcePower;
}

export async function readView(deps: ConfigDeps, grant: WorkspaceGrant, power: SourcePower): Promise<View> {
  return viewOf(deps.db.pool, await readConfig(deps), grant, power);
}

/** The same of a draft that is to be changed. */
export function draftView({ tx, before }: Draft, grant: WorkspaceGrant): Promise<View> {
  return viewOf(tx, before, grant, 'source:admin');
}

async function viewOf(db: Queryable, workspace: Workspace, grant: WorkspaceGrant, power: SourcePower): Promise<View> {
  return { workspace, sources: allSources(workspace, await readSourceLabels(db)), grant, power };
}

/** A source that models read and destinations are connected to. */
export function warehouseAt({ sources, grant, power }: View, id: string): Source | PublicRefusal {
  const found = pickSource(sources, id, grant, power);
  if (isRefusal(found) || found.of === 'warehouse') return isRefusal(found) ? found : found.object;
  const what = found.of === 'space' ? 'the source of a space' : 'an event stream';
  return badRequest(`${found.name} is ${what}; only a warehouse has models and can be connected here.`, 'sourceId');
}

export function modelAt(view: View, id: string): Model | PublicRefusal {
  return reached(
    view,
    view.workspace.models.find((model) => model.id === id),
    'Model',
    id,
  );
}

export function destinationAt(view: View, id: string): Destination | PublicRefusal {
  return reached(
    view,
    view.workspace.destinations.find((destination) => destination.id === id),
    'Destination',
    id,
  );
}

/** A mapping is known below its own destination alone. */
export function mappingAt(view: View, destinationId: string, id: string): Mapping | PublicRefusal {
  const destination = destinationAt(view, destinationId);
  if (isRefusal(destination)) return destination;
  const found = view.workspace.mappings.find((mapping) => mapping.id === id && mapping.destinationId === destinationId);
  return found ?? notFound('Subscription', id);
}

/** A mapping always has its parts. */
export function jobOf({ workspace: { models, sources, destinations } }: View, mapping: Mapping): ResolvedMapping {
  const model = models.find(({ id }) => id === mapping.modelId) as Model;
  return {
    mapping,
    model,
    source: sources.find(({ id }) => id === model.sourceId) as ResolvedMapping['source'],
    destination: destinations.find(({ id }) => id === mapping.destinationId) as ResolvedMapping['destination'],
  };
}

function reached<T extends { readonly sourceId: string }>(
  { sources, grant, power }: View,
  found: T | undefined,
  kind: string,
  id: string,
): T | PublicRefusal {
  if (found === undefined) return notFound(kind, id);
  const source = pickSource(sources, found.sourceId, grant, power);
  return isRefusal(source) ? source : found;
}

/** Those whose source may be seen, oldest first. */
export function seenBy<T extends { readonly id: string; readonly sourceId: string; readonly createdAt: Date }>(
  { sources, grant, power }: View,
  list: readonly T[],
): readonly T[] {
  const seen = new Set(sources.filter((source) => may(grant, power, resourceOf(source))).map(({ id }) => id));
  return inOrder(list.filter(({ sourceId }) => seen.has(sourceId)));
}

/** Oldest first. */
export function inOrder<T extends { readonly id: string; readonly createdAt: Date }>(list: readonly T[]): readonly T[] {
  return [...list].sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
}

/** Inside of an edit a refusal is thrown: it undoes the edit and is the answer. */
export function given<T extends object>(value: T | PublicRefusal): T {
  if (isRefusal(value)) throw refused(value);
  return value;
}

/** Its name as people gave it, in the two parts we keep: nothing beside the name when they are the same. */
export function namesFor(draft: Draft, kind: 'model' | 'destination' | 'mapping', title: string) {
  const name = draft.nameFor(kind, title);
  return { name, title: name === title ? null : title };
}
