/**
 * All sources of the workspace as one list: warehouses, event streams, and one for each space, in the order they were
 * made. The source of a space has the id of the space.
 */
import type { Queryable } from '../../../db/db.ts';
import {
  type EventStream,
  isWriteKey,
  type LabelRef,
  maskSettings,
  may,
  type Power,
  powers,
  type Source,
  type Space,
  type Workspace,
  type WorkspaceGrant,
} from '../../../workspace/workspace.ts';
import { notAllowed, notFound, type PublicRefusal } from '../errors.ts';
import { workspaceId } from '../workspace/workspace.ts';
import { catalogSource, type SourceMetadata } from './catalog.ts';
import { shownSettings } from './engines.ts';

export interface Label extends LabelRef {
  readonly description?: string;
}

export type AnySource = {
  readonly id: string;
  /** In a workspace file, its name. */
  readonly slug: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly writeKeys: readonly string[];
  readonly metadata: SourceMetadata;
  readonly createdAt: Date;
  readonly labels: readonly Label[];
} & (
  | { readonly of: 'warehouse'; readonly object: Source }
  | { readonly of: 'event stream'; readonly object: EventStream }
  | { readonly of: 'space'; readonly object: Space }
);

export type LabelsBySource = ReadonlyMap<string, readonly Label[]>;

export async function readSourceLabels(db: Queryable): Promise<LabelsBySource> {
  const { rows } = await db.query<{ source_id: string; labels: readonly Label[] }>(
    `SELECT s.source_id, jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
              'key', l.key, 'value', l.value, 'description', l.description)) ORDER BY l.key, l.value) AS labels
     FROM source_labels s JOIN labels l USING (key, value) GROUP BY s.source_id`,
  );
  return new Map(rows.map(({ source_id, labels }) => [source_id, labels]));
}

export function allSources(workspace: Workspace, labels: LabelsBySource): readonly AnySource[] {
  const labelsOf = (id: string) => labels.get(id) ?? [];
  const list: AnySource[] = [
    ...workspace.sources.map(
      (object): AnySource => ({
        ...{ of: 'warehouse', object, id: object.id, slug: object.name, name: object.title ?? object.name },
        ...{ enabled: object.enabled, writeKeys: object.writeKeys, createdAt: object.createdAt },
        metadata: catalogSource((kind) => kind.of === 'warehouse' && kind.engine === object.engine),
        labels: labelsOf(object.id),
      }),
    ),
    ...workspace.eventStreams.map(
      (object): AnySource => ({
        ...{ of: 'event stream', object, id: object.id, slug: object.name, name: object.title ?? object.name },
        ...{ enabled: object.enabled, createdAt: object.createdAt },
        writeKeys: [object.writeKey, ...object.moreWriteKeys].filter(isWriteKey),
        metadata: catalogSource((kind) => kind.of === 'event stream' && kind.clientSide === object.clientSide),
        labels: labelsOf(object.id),
      }),
    ),
    ...workspace.spaces.map(
      (object): AnySource => ({
        ...{ of: 'space', object, id: object.id, slug: `personas_${object.name}`, name: object.sourceName },
        ...{ enabled: true, writeKeys: [object.writeKey], createdAt: object.createdAt },
        metadata: catalogSource((kind) => kind.of === 'space'),
        labels: labelsOf(object.id),
      }),
    ),
  ];
  return list.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
}

/** What a permission is about. */
export function resourceOf({ id, labels }: Pick<AnySource, 'id' | 'labels'>) {
  return { type: 'SOURCE', id, labels } as const;
}

/** The source of an id, when the grant reaches it; else 404 or 401. */
export function pickSource(
  sources: readonly AnySource[],
  id: string,
  grant: WorkspaceGrant,
  power: Power,
): AnySource | PublicRefusal {
  const found = sources.find((source) => source.id === id);
  if (found === undefined) return notFound('Source', id);
  return may(grant, power, resourceOf(found)) ? found : notAllowed(powers[power]);
}

/** As the API shows it: write keys only to those who may change it. */
export function sourceBody(source: AnySource, grant: WorkspaceGrant) {
  const { id, slug, name, metadata, enabled, writeKeys, labels } = source;
  return {
    ...{ id, slug, name, metadata, workspaceId, enabled },
    writeKeys: may(grant, 'source:admin', resourceOf(source)) ? writeKeys : [],
    settings: shownSettingsOf(source),
    labels,
  };
}

function shownSettingsOf(source: AnySource) {
  if (source.of === 'warehouse') return settingsOf(source.object);
  return source.of === 'event stream' ? { spaces: source.object.spaces.map(({ id }) => id) } : {};
}

function settingsOf({ engine, settings, extraSettings }: Source) {
  return shownSettings(engine, maskSettings(settings), maskSettings(extraSettings));
}
