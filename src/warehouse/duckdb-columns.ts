/**
 * DuckDB's types and values in our terms. In: types, and chunks of a result. Out: columns, and values by column. One
 * reader per column, chosen once.
 */
import {
  type DuckDBArrayValue,
  type DuckDBBlobValue,
  type DuckDBDataChunk,
  type DuckDBDateValue,
  type DuckDBDecimalType,
  type DuckDBDecimalValue,
  type DuckDBIntervalValue,
  type DuckDBListValue,
  type DuckDBMapType,
  type DuckDBMapValue,
  type DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampValue,
  type DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBUnionType,
  type DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { readStrings } from './duckdb-strings.ts';
import * as values from './values.ts';
import type { Column, ColumnType, Value } from './warehouse.ts';

type Tally = values.Tally;
type Convert = (value: DuckDBValue, tally: Tally) => Value;
export type ReadColumn = (chunk: DuckDBDataChunk, index: number, tally: Tally) => Value[];

const columnTypes: Readonly<Partial<Record<DuckDBTypeId, ColumnType>>> = {
  [DuckDBTypeId.BOOLEAN]: 'boolean',
  [DuckDBTypeId.TINYINT]: 'integer',
  [DuckDBTypeId.SMALLINT]: 'integer',
  [DuckDBTypeId.INTEGER]: 'integer',
  [DuckDBTypeId.BIGINT]: 'integer',
  [DuckDBTypeId.UTINYINT]: 'integer',
  [DuckDBTypeId.USMALLINT]: 'integer',
  [DuckDBTypeId.UINTEGER]: 'integer',
  [DuckDBTypeId.UBIGINT]: 'integer',
  [DuckDBTypeId.HUGEINT]: 'integer',
  [DuckDBTypeId.UHUGEINT]: 'integer',
  [DuckDBTypeId.BIGNUM]: 'integer',
  [DuckDBTypeId.FLOAT]: 'number',
  [DuckDBTypeId.DOUBLE]: 'number',
  [DuckDBTypeId.DECIMAL]: 'decimal',
  [DuckDBTypeId.TIMESTAMP]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_S]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_MS]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_NS]: 'timestamp',
  [DuckDBTypeId.TIMESTAMP_TZ]: 'timestamp',
  [DuckDBTypeId.DATE]: 'date',
  [DuckDBTypeId.TIME]: 'time',
  [DuckDBTypeId.TIME_TZ]: 'time',
  [DuckDBTypeId.TIME_NS]: 'time',
  [DuckDBTypeId.BLOB]: 'binary',
  [DuckDBTypeId.GEOMETRY]: 'binary',
  [DuckDBTypeId.LIST]: 'json',
  [DuckDBTypeId.ARRAY]: 'json',
  [DuckDBTypeId.STRUCT]: 'json',
  [DuckDBTypeId.MAP]: 'json',
  [DuckDBTypeId.UNION]: 'json',
  [DuckDBTypeId.VARIANT]: 'json',
};

export function duckdbColumn(name: string, type: DuckDBType): Column {
  if (isJson(type)) return { name, type: 'json', nativeType: 'JSON' };
  return { name, type: columnTypes[type.typeId] ?? 'string', nativeType: type.toString() };
}

function isJson(type: DuckDBType): boolean {
  return type.typeId === DuckDBTypeId.VARCHAR && type.alias === 'JSON';
}

export function columnReader(type: DuckDBType): ReadColumn {
  if (type.typeId === DuckDBTypeId.VARCHAR) {
    if (!isJson(type)) return readStrings;
    return (chunk, index) => readStrings(chunk, index).map((text) => (text === null ? null : values.jsonText(text)));
  }
  const convert = converter(type);
  return (chunk, index, tally) => {
    const vector = chunk.getColumnVector(index);
    const count = vector.itemCount;
    const read: Value[] = new Array(count);
    for (let row = 0; row < count; row++) {
      const value = vector.getItem(row);
      read[row] = value === null ? null : convert(value, tally);
    }
    return read;
  };
}

const asIs: Convert = (value) => value as Value;
const asText: Convert = (value) => String(value);
const asInteger: Convert = (value) => values.integer(value as bigint);

/** A value that is not null. */
function converter(type: DuckDBType): Convert {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.ENUM:
      return asIs;
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
      return asInteger;
    case DuckDBTypeId.FLOAT:
      return (value, tally) => values.singleFloat(value as number, tally);
    case DuckDBTypeId.DOUBLE:
      return (value, tally) => values.finite(value as number, tally);
    case DuckDBTypeId.DECIMAL: {
      const { scale } = type as DuckDBDecimalType;
      return (value) => values.scaledDecimal((value as DuckDBDecimalValue).value, scale);
    }
    case DuckDBTypeId.VARCHAR:
      return isJson(type) ? (value) => values.jsonText(value as string) : asIs;
    case DuckDBTypeId.BLOB:
    case DuckDBTypeId.GEOMETRY:
      return (value) => Buffer.from((value as DuckDBBlobValue).bytes).toString('base64');
    default:
      return timeConverter(type) ?? nestedConverter(type) ?? asText;
  }
}

/** DuckDB's infinities. */
const endOfDays = 2_147_483_647;
const endOfTime = 9_223_372_036_854_775_807n;

function timeConverter(type: DuckDBType): Convert | null {
  const write = values.timestampWriter();
  const timestamp = (count: (value: DuckDBValue) => bigint, perUnit: bigint): Convert => {
    return (value, tally) => {
      const units = count(value);
      return isInfinite(units, tally) ? null : write(units * perUnit);
    };
  };
  switch (type.typeId) {
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return timestamp((value) => (value as DuckDBTimestampValue).micros, 1n);
    case DuckDBTypeId.TIMESTAMP_MS:
      return timestamp((value) => (value as DuckDBTimestampMillisecondsValue).millis, 1000n);
    case DuckDBTypeId.TIMESTAMP_S:
      return timestamp((value) => (value as DuckDBTimestampSecondsValue).seconds, 1_000_000n);
    case DuckDBTypeId.TIMESTAMP_NS:
      return (value, tally) => {
        const { nanos } = value as DuckDBTimestampNanosecondsValue;
        return isInfinite(nanos, tally) ? null : values.nanosecondsText(nanos, write);
      };
    case DuckDBTypeId.DATE:
      return dateConverter();
    case DuckDBTypeId.TIME:
      return (value) => values.timeText(Number((value as DuckDBTimeValue).micros));
    case DuckDBTypeId.INTERVAL:
      return (value) => {
        const { months, days, micros } = value as DuckDBIntervalValue;
        return values.intervalText(months, days, micros);
      };
    default:
      return null;
  }
}

function isInfinite(units: bigint, tally: Tally): boolean {
  if (units !== endOfTime && units !== -endOfTime) return false;
  tally.notFinite++;
  return true;
}

function dateConverter(): Convert {
  const write = values.dateWriter();
  return (value, tally) => {
    const { days } = value as DuckDBDateValue;
    if (Math.abs(days) !== endOfDays) return write(days);
    tally.notFinite++;
    return null;
  };
}

function nestedConverter(type: DuckDBType): Convert | null {
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY: {
      const convert = nullable((type as unknown as { valueType: DuckDBType }).valueType);
      return (value, tally) => (value as DuckDBListValue | DuckDBArrayValue).items.map((item) => convert(item, tally));
    }
    case DuckDBTypeId.STRUCT:
      return structConverter(type as DuckDBStructType);
    case DuckDBTypeId.MAP:
      return mapConverter(type as DuckDBMapType);
    case DuckDBTypeId.UNION: {
      const { memberTags, memberTypes } = type as DuckDBUnionType;
      const converts = new Map(memberTags.map((tag, index) => [tag, nullable(memberTypes[index] as DuckDBType)]));
      return (value, tally) => {
        const { tag, value: member } = value as DuckDBUnionValue;
        return converts.get(tag)?.(member, tally) ?? null;
      };
    }
    default:
      return null;
  }
}

function nullable(type: DuckDBType): Convert {
  const convert = converter(type);
  return (value, tally) => (value === null ? null : convert(value, tally));
}

function structConverter(type: DuckDBStructType): Convert {
  const converts = type.entryTypes.map(nullable);
  return (value, tally) => {
    const { entries } = value as DuckDBStructValue;
    return values.objectOf(
      type.entryNames.map((name, index) => [name, (converts[index] as Convert)(entries[name] ?? null, tally)]),
    );
  };
}

/** Types whose values are texts here, so that a map over them is an object. */
function isTextual(type: DuckDBType): boolean {
  return [DuckDBTypeId.VARCHAR, DuckDBTypeId.ENUM, DuckDBTypeId.UUID].includes(type.typeId) && !isJson(type);
}

function mapConverter(type: DuckDBMapType): Convert {
  const [key, item] = [nullable(type.keyType), nullable(type.valueType)];
  if (isTextual(type.keyType)) {
    return (value, tally) =>
      values.objectOf(
        (value as DuckDBMapValue).entries.map((entry) => [String(key(entry.key, tally)), item(entry.value, tally)]),
      );
  }
  return (value, tally) =>
    (value as DuckDBMapValue).entries.map((entry) => ({
      key: key(entry.key, tally),
      value: item(entry.value, tally),
    }));
}
