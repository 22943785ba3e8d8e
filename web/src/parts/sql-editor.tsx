/** An editor for SQL that knows the tables of the warehouse. */

import { PostgreSQL, sql } from '@codemirror/lang-sql';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { Stack, Text, useComputedColorScheme } from '@mantine/core';
import CodeMirror, { EditorView } from '@uiw/react-codemirror';
import { useId, useMemo } from 'react';

export interface Table {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';

/** Colours that can be read on both grounds; they are in `app.css`. */
const words = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--sql-keyword)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--sql-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--sql-number)' },
  { tag: tags.comment, color: 'var(--mantine-color-dimmed)', fontStyle: 'italic' },
]);

const ground = {
  '&': { backgroundColor: 'var(--mantine-color-body)', color: 'var(--mantine-color-text)' },
  '.cm-content': { caretColor: 'var(--mantine-color-text)' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-gutters': { backgroundColor: 'var(--mantine-color-body)', color: 'var(--mantine-color-dimmed)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--sql-line)' },
  '.cm-placeholder': { color: 'var(--mantine-color-placeholder)' },
};
const grounds = {
  light: [EditorView.theme(ground), syntaxHighlighting(words)],
  dark: [EditorView.theme(ground, { dark: true }), syntaxHighlighting(words)],
};

/**
 * What is typed over a selection. Left to the browser, the new text keeps the colours of the old one in an inline style,
 * which the security policy forbids.
 */
const typedOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { data, inputType } = event;
    const { from, to, empty } = view.state.selection.main;
    if (inputType !== 'insertText' || data === null || empty || view.composing || view.state.readOnly) return false;
    const insert = () =>
      view.state.update(view.state.replaceSelection(data), { userEvent: 'input.type', scrollIntoView: true });
    const isTaken = view.state.facet(EditorView.inputHandler).some((take) => take(view, from, to, data, insert));
    if (!isTaken) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

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
    return [
      sql({ dialect: PostgreSQL, schema, upperCaseKeywords: true }),
      EditorView.cspNonce.of(nonce),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({
        'aria-label': 'SQL query',
        'aria-required': 'true',
        'aria-describedby': hintId,
      }),
      typedOver,
    ];
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
        Tab indents. To leave the editor with the keyboard, press Escape and then Tab.
      </Text>
    </Stack>
  );
}
