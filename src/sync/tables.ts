/** What there is to select from in a warehouse: for editors that complete names. */
import type { Source } from '../workspace/workspace.ts';
import type { SyncContext } from './runner.ts';

export interface WarehouseTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** More than anybody reads through. */
const mostColumns = 20_000;

/** In the order of names. Errors: those of the warehouse. */
export async function listTables(context: SyncContext, source: Source): Promise<readonly WarehouseTable[]> {
  await using warehouse = await context.openWarehouse(source);
  await using snapshot = await warehouse.snapshot();
  const { rows } = await snapshot.query(
    `SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
     WHERE table_schema NOT IN ('information_schema', 'pg_catalog', 'pg_toast')
     ORDER BY table_schema, table_name, ordinal_position LIMIT ${mostColumns}`,
  );
  const tables = new Map<string, { schema: string; name: string; columns: { name: string; type: string }[] }>();
  for (const row of rows) {
    const [schema, name, column, type] = row.map(String) as [string, string, string, string];
    const key = JSON.stringify([schema, name]);
    const table = tables.get(key) ?? { schema, name, columns: [] };
    table.columns.push({ name: column, type });
    tables.set(key, table);
  }
  return [...tables.values()];
}
