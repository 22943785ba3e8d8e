/**
 * Postgres' types in our terms. In: type oids of a result. Out: columns, and one parser per column, chosen once; types that
 * people made are looked up in the server's catalog and remembered.
 */
import type { Queryable } from './postgres-connection.ts';
import { type Parse, parseArray, parseComposite, parseDate, parseTimestamp } from './postgres-text.ts';
import { decimalText, finite, integerText, jsonText, objectOf, type Tally } from './values.ts';
import type { Column, ColumnType, Value } from './warehouse.ts';

export interface Field {
  readonly name: string;
  readonly dataTypeID: number;
  readonly dataTypeModifier: number;
}

interface TypeInfo {
  readonly name: string;
  /** `b` base, `c` composite, `d` domain, `e` enum, `r` range, … */
  readonly kind: string;
  /** Of arrays: the type of the elements; else 0. */
  readonly element: number;
  readonly delimiter: string;
  /** Of domains: the type below; else 0. */
  readonly base: number;
  /** Of composites. */
  readonly fields: readonly { readonly name: string; readonly type: number }[];
}

export type TypeCatalog = Map<number, TypeInfo>;

const columnTypes: Readonly<Record<string, ColumnType>> = {
  smallint: 'integer',
  integer: 'integer',
  bigint: 'integer',
  oid: 'integer',
  real: 'number',
  'double precision': 'number',
  numeric: 'decimal',
  boolean: 'boolean',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamp',
  date: 'date',
  'time without time zone': 'time',
  'time with time zone': 'time',
  json: 'json',
  jsonb: 'json',
  bytea: 'binary',
};

const selectTypes = `
  SELECT t.oid::int8::text AS oid, pg_catalog.format_type(t.oid, NULL) AS name, t.typtype::text AS kind,
    CASE WHEN e.typarray = t.oid THEN t.typelem::int8::text ELSE '0' END AS element,
    coalesce(e.typdelim, t.typdelim)::text AS delimiter, t.typbasetype::int8::text AS base,
    (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8) ORDER BY a.attnum), '[]')::text
      FROM pg_catalog.pg_attribute AS a
      WHERE a.attrelid = t.typrelid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped) AS fields
  FROM pg_catalog.pg_type AS t LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem
  WHERE t.oid = ANY ($1::oid[])`;

/** Looks up the types that are not known yet, and those they are made of. */
export async function learnTypes(db: Queryable, catalog: TypeCatalog, oids: readonly number[]): Promise<void> {
  let wanted = oids.filter((oid) => !catalog.has(oid));
  while (wanted.length > 0) {
    const { rows } = await db.query<Record<string, string>>(selectTypes, [wanted]);
    const next: number[] = [];
    for (const row of rows) {
      const info: TypeInfo = {
        name: row.name ?? '',
        kind: row.kind ?? 'b',
        element: Number(row.element),
        delimiter: row.delimiter ?? ',',
        base: Number(row.base),
        fields: JSON.parse(row.fields ?? '[]'),
      };
      catalog.set(Number(row.oid), info);
      next.push(info.element, info.base, ...info.fields.map((field) => field.type));
    }
    wanted = [...new Set(next)].filter((oid) => oid !== 0 && !catalog.has(oid));
  }
}

export async function describeFields(
  db: Queryable,
  catalog: TypeCatalog,
  fields: readonly Field[],
): Promise<readonly Column[]> {
  await learnTypes(
    db,
    catalog,
    fields.map((field) => field.dataTypeID),
  );
  const { rows } = await db.query<{ name: string }>(
    `SELECT pg_catalog.format_type(oid, modifier) AS name
     FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS f (oid, modifier, place) ORDER BY place`,
    [fields.map((field) => field.dataTypeID), fields.map((field) => field.dataTypeModifier)],
  );
  return fields.map((field, index) => ({
    name: field.name,
    type: columnType(catalog, field.dataTypeID),
    nativeType: rows[index]?.name ?? 'unknown',
  }));
}

function columnType(catalog: TypeCatalog, oid: number): ColumnType {
  const info = catalog.get(oid);
  if (info === undefined) return 'string';
  if (info.kind === 'd') return columnType(catalog, info.base);
  if (info.element !== 0 || info.kind === 'c') return 'json';
  return columnTypes[info.name] ?? 'string';
}

/** The parser of a type's text form. What becomes null counts in `tally`. */
export function typeParser(catalog: TypeCatalog, oid: number, tally: Tally): Parse {
  const info = catalog.get(oid);
  if (info === undefined) return asText;
  if (info.kind === 'd') return typeParser(catalog, info.base, tally);
  if (info.kind === 'c') return compositeParser(catalog, info, tally);
  if (info.element !== 0) {
    const element = typeParser(catalog, info.element, tally);
    return (text) => parseArray(text, info.delimiter, element);
  }
  return plainParser(info.name, tally);
}

const asText: Parse = (text) => text;

function compositeParser(catalog: TypeCatalog, info: TypeInfo, tally: Tally): Parse {
  const parsers = info.fields.map((field) => typeParser(catalog, field.type, tally));
  return (text) => {
    const texts = parseComposite(text);
    return objectOf(
      info.fields.map(({ name }, index): [string, Value] => {
        const field = texts[index] ?? null;
        return [name, field === null ? null : (parsers[index] as Parse)(field)];
      }),
    );
  };
}

function plainParser(name: string, tally: Tally): Parse {
  switch (name) {
    case 'smallint':
    case 'integer':
    case 'oid':
      return Number;
    case 'bigint':
      return integerText;
    case 'real':
    case 'double precision':
      return (text) => finite(Number(text), tally);
    case 'numeric':
      return (text) => (/\d/.test(text) ? decimalText(text) : finite(Number.NaN, tally));
    case 'boolean':
      return (text) => text === 't';
    case 'date':
      return (text) => parseDate(text, tally);
    case 'timestamp without time zone':
    case 'timestamp with time zone':
      return (text) => parseTimestamp(text, tally);
    case 'json':
    case 'jsonb':
      return jsonText;
    case 'bytea':
      return (text) => Buffer.from(text.slice(2), 'hex').toString('base64');
    default:
      return asText;
  }
}
