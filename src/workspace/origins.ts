/** The names behind the ids that facts of profiles carry. In: ids. Out: what is still configured of them, read by key. */
import type { Queryable } from '../db/db.ts';
import type { LabelRef } from './roles.ts';

/** A source as people know it, and what a permission about it looks at. */
export interface NamedSource {
  readonly id: string;
  readonly name: string;
  readonly labels: readonly LabelRef[];
}

export interface NamedMapping {
  readonly id: string;
  readonly name: string;
  readonly destinationId: string;
  /** The warehouse whose rows it maps. */
  readonly source: NamedSource;
}

export interface Origins {
  /** Event streams, and spaces, whose source has their id. */
  readonly sources: ReadonlyMap<string, NamedSource>;
  readonly mappings: ReadonlyMap<string, NamedMapping>;
}

const labelsOf = (id: string) =>
  `(SELECT coalesce(jsonb_agg(jsonb_build_object('key', l.key, 'value', l.value)), '[]')
    FROM source_labels l WHERE l.source_id = ${id})`;

export async function readOrigins(
  db: Queryable,
  sourceIds: Iterable<string>,
  mappingIds: Iterable<string>,
): Promise<Origins> {
  const [sources, mappings] = await Promise.all([
    readSources(db, [...new Set(sourceIds)]),
    readMappings(db, [...new Set(mappingIds)]),
  ]);
  return {
    sources: new Map(sources.map((source) => [source.id, source])),
    mappings: new Map(mappings.map((mapping) => [mapping.id, mapping])),
  };
}

async function readSources(db: Queryable, ids: readonly string[]): Promise<readonly NamedSource[]> {
  if (ids.length === 0) return [];
  const { rows } = await db.query<NamedSource>(
    `SELECT id, coalesce(title, name) AS name, ${labelsOf('event_streams.id')} AS labels
       FROM event_streams WHERE id = ANY($1)
     UNION ALL
     SELECT id, source_name, ${labelsOf('spaces.id')} FROM spaces WHERE id = ANY($1)`,
    [ids],
  );
  return rows;
}

async function readMappings(db: Queryable, ids: readonly string[]): Promise<readonly NamedMapping[]> {
  if (ids.length === 0) return [];
  const { rows } = await db.query(
    `SELECT m.id, coalesce(m.title, m.name) AS name, m.destination_id, s.id AS source_id,
            coalesce(s.title, s.name) AS source_name, ${labelsOf('s.id')} AS labels
     FROM mappings m JOIN models ON models.id = m.model_id JOIN sources s ON s.id = models.source_id
     WHERE m.id = ANY($1)`,
    [ids],
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    destinationId: row.destination_id,
    source: { id: row.source_id, name: row.source_name, labels: row.labels },
  }));
}
