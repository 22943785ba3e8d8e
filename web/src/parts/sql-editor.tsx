/** An editor for SQL that knows the tables of the warehouse. */

import { PostgreSQL, sql } from '@codemirror/lang-sql';
import { Stack, Text, useComputedColorScheme } from '@mantine/core';
import CodeMirror from '@uiw/react-codemirror';
import { useId, useMemo } from 'react';
import { editorBasics, grounds, leavingHint } from './editor-look.ts';

export interface Table {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

export default function SqlEditor({
  value,
  onChange,
  tables,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly tables: readonly Table[];
}) {
  const scheme = useComputedColorScheme('light');
  const hintId = useId();
  const extensions = useMemo(() => {
    const columnsOf = (table: Table) => table.columns.map(({ name, type }) => ({ label: name, detail: type }));
    const schema = Object.fromEntries(
      tables.flatMap((table) => [
        [table.name, columnsOf(table)],
        [`${table.schema}.${table.name}`, columnsOf(table)],
      ]),
    );
    return [sql({ dialect: PostgreSQL, schema, upperCaseKeywords: true }), ...editorBasics('SQL query', hintId)];
  }, [tables, hintId]);
  return (
    <Stack gap={4}>
      <CodeMirror
        className="sql-editor"
        value={value}
        onChange={onChange}
        extensions={extensions}
        theme={grounds[scheme]}
        minHeight="160px"
        maxHeight="420px"
        placeholder="SELECT id, email, plan FROM customers"
      />
      <Text id={hintId} size="xs" c="dimmed">
        {leavingHint}
      </Text>
    </Stack>
  );
}
