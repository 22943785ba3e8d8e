/** An editor for SQL that knows the tables of the warehouse. */

import { PostgreSQL, sql } from '@codemirror/lang-sql';
import { useComputedColorScheme } from '@mantine/core';
import CodeMirror, { EditorView } from '@uiw/react-codemirror';
import { useMemo } from 'react';

export interface Table {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';

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
  const extensions = useMemo(() => {
    const columnsOf = (table: Table) => table.columns.map(({ name, type }) => ({ label: name, detail: type }));
    const schema = Object.fromEntries(
      tables.flatMap((table) => [
        [table.name, columnsOf(table)],
        [`${table.schema}.${table.name}`, columnsOf(table)],
      ]),
    );
    return [
      sql({ dialect: PostgreSQL, schema, upperCaseKeywords: true }),
      EditorView.cspNonce.of(nonce),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': 'SQL query' }),
    ];
  }, [tables]);
  return (
    <CodeMirror
      value={value}
      onChange={onChange}
      extensions={extensions}
      theme={scheme}
      minHeight="160px"
      maxHeight="420px"
      placeholder="SELECT id, email, plan FROM customers"
    />
  );
}
