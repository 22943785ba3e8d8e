/** The query of a form: the editor, and beside it examples to insert and the language in short. */
import { Code, Grid, Skeleton, Stack, Text } from '@mantine/core';
import type { ReactCodeMirrorRef } from '@uiw/react-codemirror';
import { lazy, type ReactNode, Suspense, useRef } from 'react';
import type { Entity, Kind } from '../../../api/audiences.ts';
import { QueryHelp } from './help.tsx';
import { examplesOf } from './language.ts';
import type { FaultyQuery } from './query-faults.ts';

const QueryEditor = lazy(() => import('./query-editor.tsx'));

export function QueryField({
  kind,
  entity,
  value,
  onChange,
  faulty,
  readOnly,
  below,
}: {
  readonly kind: Kind;
  readonly entity: Entity;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly faulty: FaultyQuery;
  readonly readOnly: boolean;
  /** Beside the examples, below the query. */
  readonly below?: ReactNode;
}) {
  const editor = useRef<ReactCodeMirrorRef>(null);

  function insert(example: string) {
    const view = editor.current?.view;
    // An example that nobody has touched makes room for the next.
    const isFree = value.trim() === '' || examplesOf(kind, entity).some(({ query }) => query === value.trim());
    if (view === undefined || isFree) onChange(example);
    else view.dispatch(view.state.replaceSelection(example), { scrollIntoView: true });
    view?.focus();
  }

  if (readOnly) return <Query text={value} />;
  return (
    <Grid gap="lg">
      <Grid.Col span={{ base: 12, md: 7 }}>
        <Stack>
          <Stack gap={4}>
            <Text fw={500} size="sm">
              Query{' '}
              <Text span c="var(--mantine-color-error)" aria-hidden>
                *
              </Text>
            </Text>
            <Suspense fallback={<Skeleton height={140} />}>
              <QueryEditor value={value} onChange={onChange} faulty={faulty} editor={editor} />
            </Suspense>
          </Stack>
          {below}
        </Stack>
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 5 }}>
        <QueryHelp kind={kind} entity={entity} onInsert={insert} />
      </Grid.Col>
    </Grid>
  );
}

/** To look at alone. */
export function Query({ text }: { readonly text: string }) {
  return (
    <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
      {text}
    </Code>
  );
}
