/**
 * An editor for the queries of audiences and computed traits: colours, names to complete, and what the server found wrong,
 * with its place.
 */
import {
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  snippetCompletion,
} from '@codemirror/autocomplete';
import { StreamLanguage } from '@codemirror/language';
import { List, Stack, Text, UnstyledButton, useComputedColorScheme } from '@mantine/core';
import CodeMirror, { Decoration, EditorView, type Extension, type ReactCodeMirrorRef } from '@uiw/react-codemirror';
import { type RefObject, useId, useMemo } from 'react';
import { editorBasics, grounds, leavingHint } from '../../../parts/editor-look.ts';
import { beginnings, followers } from './language.ts';
import type { FaultyQuery, QueryFault } from './query-faults.ts';

const colours = StreamLanguage.define({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^'(?:\\.|[^'\\])*'?|^"(?:\\.|[^"\\])*"?/)) return 'string';
    if (stream.match(/^-?\d[\d.:TZ-]*/)) return 'number';
    if (stream.match(/^(?:and|or|not|any|all)\b/i)) return 'keyword';
    if (stream.match(/^\w+/)) return null;
    stream.next();
    return null;
  },
});

const completionsOf = (words: typeof beginnings) =>
  words.map(({ label, snippet, detail }) => snippetCompletion(snippet, { label, detail }));
const ofBeginnings = completionsOf(beginnings);
const ofFollowers = completionsOf(followers);

function complete(context: CompletionContext): CompletionResult | null {
  const before = context.matchBefore(/\.?\w*/);
  if (before === null) return null;
  const isFollower = before.text.startsWith('.');
  if (before.text === '' && !context.explicit) return null;
  // A text in quotes is whatever it is.
  const line = context.state.doc.lineAt(context.pos);
  const quotes = line.text.slice(0, context.pos - line.from).match(/'/g)?.length ?? 0;
  if (quotes % 2 === 1) return null;
  return {
    from: before.from + (isFollower ? 1 : 0),
    options: isFollower ? ofFollowers : ofBeginnings,
    validFor: /^\w*$/,
  };
}

const steady: readonly Extension[] = [colours, autocompletion({ override: [complete] })];

/** Where a fault is in the text: the word that begins there, or one character. */
function placeIn(text: string, { line, column }: QueryFault): { readonly from: number; readonly to: number } | null {
  if (line === undefined || column === undefined) return null;
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((length, one) => length + one.length + 1, 0);
  const from = Math.min(before + column - 1, text.length);
  const word = /^\w+/.exec(text.slice(from))?.[0] ?? text.slice(from, from + 1);
  return { from, to: Math.min(from + Math.max(word.length, 1), text.length) };
}

/** Under what is at fault, for as long as it is the text that was looked at. */
function underlined({ query, faults }: FaultyQuery): Extension {
  const marks = faults
    .flatMap((fault) => placeIn(query, fault) ?? [])
    .filter(({ from, to }) => from < to)
    .map(({ from, to }) => Decoration.mark({ class: 'query-fault' }).range(from, to));
  const shown = Decoration.set(marks, true);
  return EditorView.decorations.of(({ state }) => (state.doc.toString() === query ? shown : Decoration.none));
}

export default function QueryEditor({
  value,
  onChange,
  faulty,
  editor,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly faulty: FaultyQuery;
  /** For whoever inserts something. */
  readonly editor: RefObject<ReactCodeMirrorRef | null>;
}) {
  const scheme = useComputedColorScheme('light');
  const [hintId, faultId] = [useId(), useId()];
  const { faults } = faulty;
  const isFaulty = faults.length > 0;
  const extensions = useMemo(
    () => [
      ...steady,
      ...editorBasics('Query', isFaulty ? `${faultId} ${hintId}` : hintId, isFaulty),
      underlined(faulty),
    ],
    [hintId, faultId, isFaulty, faulty],
  );

  function goTo(fault: QueryFault) {
    const view = editor.current?.view;
    const place = placeIn(value, fault);
    if (view === undefined || place === null) return;
    view.dispatch({ selection: { anchor: Math.min(place.from, view.state.doc.length) }, scrollIntoView: true });
    view.focus();
  }

  return (
    <Stack gap={4}>
      <CodeMirror
        ref={editor}
        className="sql-editor"
        value={value}
        onChange={onChange}
        extensions={extensions}
        basicSetup={{ autocompletion: false, foldGutter: false }}
        theme={grounds[scheme]}
        minHeight="140px"
        maxHeight="420px"
        placeholder="trait('plan') = 'pro' AND event('Signed In').within(7 days).count() >= 1"
      />
      {isFaulty && (
        <div id={faultId} role="alert" aria-label="What is wrong with the query">
          <List size="sm" c="var(--mantine-color-error)">
            {faults.map((fault) => (
              <List.Item key={`${fault.line}:${fault.column}:${fault.message}`}>
                {fault.line !== undefined && (
                  <>
                    <UnstyledButton fz="sm" td="underline" c="var(--mantine-color-error)" onClick={() => goTo(fault)}>
                      Line {fault.line}, column {fault.column}
                    </UnstyledButton>
                    {': '}
                  </>
                )}
                {fault.message}
              </List.Item>
            ))}
          </List>
        </div>
      )}
      <Text id={hintId} size="xs" c="dimmed">
        {leavingHint}
      </Text>
    </Stack>
  );
}
