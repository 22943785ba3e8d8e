/** An audience or a computed trait: what it is called, whose it is, its query, who counts. New ones and those that are there. */
import { Alert, Button, Card, Group, Radio, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import {
  type Computation,
  changeComputation,
  computationQuery,
  createComputation,
  type Entity,
  type Given,
  type Kind,
} from '../../api/audiences.ts';
import { useMay } from '../../api/may.ts';
import { Editable, Making, ReadOnlyNote } from '../../parts/allowed.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { Page } from '../../parts/page.tsx';
import { Loaded } from '../../parts/states.tsx';
import { useUnsaved } from '../../parts/unsaved.tsx';
import { useForm } from '../../parts/use-form.ts';
import { keyOf } from './audience/key.ts';
import { Options, optionsSaid, optionValues } from './audience/options.tsx';
import { Preview } from './audience/preview.tsx';
import { type FaultyQuery, faultsOfQuery, isQueryField } from './audience/query-faults.ts';
import { QueryField } from './audience/query-field.tsx';
import { crumbsOf, isKind, kindWords, NoSuch } from './audience/words.tsx';

export function AudienceNew() {
  const { space } = useParams({ from: '/inside/audiences/$space/new' });
  const { kind = 'audience' } = useSearch({ from: '/inside/audiences/$space/new' });
  const crumbs = crumbsOf(space, kind);
  const title = `New ${kindWords[kind].one}`;
  return (
    <Making power="audience:admin" title={title} crumbs={crumbs}>
      <Page title={title} crumbs={crumbs} lead={leads[kind]}>
        <ComputationForm key={kind} space={space} kind={kind} computation={null} />
      </Page>
    </Making>
  );
}

const leads: Readonly<Record<Kind, string>> = {
  audience: 'A group of profiles that a condition describes. Who meets it is in it.',
  computed_trait: 'A value that is worked out from what each profile did, and written onto it.',
};

export function AudienceEdit() {
  const { space, kind, id } = useParams({ from: '/inside/audiences/$space/$kind/$id/edit' });
  return isKind(kind) ? <Edit key={id} space={space} kind={kind} id={id} /> : <NoSuch space={space} />;
}

function Edit({ space, kind, id }: { readonly space: string; readonly kind: Kind; readonly id: string }) {
  const query = useQuery(computationQuery(space, kind, id));
  const crumbs = [
    ...crumbsOf(space, kind),
    { label: query.data?.name ?? kindWords[kind].One, to: `/audiences/${space}/${kind}/${id}` },
  ];
  return (
    <Page title={`Edit ${query.data?.name ?? kindWords[kind].one}`} crumbs={crumbs}>
      <Loaded query={query} what={`the ${kindWords[kind].one}`}>
        {(computation) => (
          <Editable power="audience:admin">
            <Stack>
              <ReadOnlyNote power="audience:admin" />
              <ComputationForm space={space} kind={kind} computation={computation} />
            </Stack>
          </Editable>
        )}
      </Loaded>
    </Page>
  );
}

const noFaults: FaultyQuery = { query: '', faults: [] };

/** What is another than it was: what somebody else changed meanwhile, and this form did not, stays theirs. */
function changesOf(opened: Computation, wanted: Required<Given>): Given {
  const { name, description, enabled, query, options } = wanted;
  const isOther = (Object.keys(options) as (keyof typeof options)[]).some(
    (key) => options[key] !== opened.options[key],
  );
  return {
    ...(name !== opened.name && { name }),
    ...(description !== opened.description && { description }),
    ...(enabled !== opened.enabled && { enabled }),
    ...(query !== opened.query && { query }),
    ...(isOther && { options }),
  };
}

function ComputationForm({
  space,
  kind,
  computation,
}: {
  readonly space: string;
  readonly kind: Kind;
  readonly computation: Computation | null;
}) {
  // As it was when the form was opened; it is read again behind the form.
  const [opened] = useState(computation);
  const [name, setName] = useState(opened?.name ?? '');
  const [description, setDescription] = useState(opened?.description ?? '');
  const [entity, setEntity] = useState<Entity>(opened?.entity ?? 'USERS');
  const [query, setQuery] = useState(opened?.query ?? '');
  const [enabled, setEnabled] = useState(opened?.enabled ?? true);
  const [values, setValues] = useState(() => optionValues(opened));
  const [sent, setSent] = useState('');
  const [refused, setRefused] = useState<Error | null>(null);
  const { guard, markSaved } = useUnsaved([name, description, entity, query, enabled, values]);
  const mayChange = useMay('audience:admin');
  const navigate = useNavigate();
  const words = kindWords[kind];
  const isNew = opened === null;
  const isLocked = computation?.status === 'Locked';
  const options = optionsSaid(values, { kind, entity, isNew });

  const { submit, error, setError, isBusy } = useForm(async () => {
    setSent(query);
    setRefused(null);
    const wanted = { name, description, enabled, query, options };
    if (isNew) {
      const { id } = await createComputation(space, kind, entity, wanted);
      return leave(id, `The ${words.one} was made. All profiles are looked at once.`);
    }
    await changeComputation(space, opened, changesOf(opened, wanted));
    return leave(opened.id, 'Saved.');
  });

  function leave(id: string, message: string) {
    markSaved();
    return () => {
      notifications.show({ color: 'green', message });
      return navigate({ to: '/audiences/$space/$kind/$id', params: { space, kind, id } });
    };
  }

  const faults = fieldFaults(error);
  const faulty = useMemo((): FaultyQuery => {
    const found = faultsOfQuery(error ?? refused);
    return found.length === 0 ? noFaults : { query: sent, faults: found };
  }, [error, refused, sent]);
  const isShown = (field: string) => isQueryField(field) || field === 'name' || field.startsWith('options.');
  const key = opened?.key ?? keyOf(name);
  return (
    <form onSubmit={submit}>
      <Stack gap="lg">
        {guard}
        {isLocked && (
          <Alert color="blue" role="status" title="A change is being applied">
            All profiles are looked at with the query as it was saved last. Until that is done nothing else can be
            saved; it takes seconds for thousands of profiles, and minutes for millions. What you type here stays.
          </Alert>
        )}
        {computation?.status === 'Backfilling' && (
          <Alert color="blue" role="status" title="It looks at all profiles for the first time">
            A change of the query begins that anew.
          </Alert>
        )}
        <Faults error={error} shown={isShown} />
        <Card withBorder>
          <Stack maw={620}>
            <TextInput
              label="Name"
              required
              maxLength={255}
              placeholder={kind === 'audience' ? 'Big spenders' : 'Orders in 90 days'}
              value={name}
              error={faults.name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <KeyNote keyText={key} isNew={isNew} />
            <Textarea
              label="Description"
              autosize
              maxLength={2_000}
              value={description}
              error={faults.description}
              onChange={(event) => setDescription(event.currentTarget.value)}
            />
            <Radio.Group
              label="For"
              description={isNew ? 'It cannot be changed later.' : 'It was fixed when this was made.'}
              value={entity}
              onChange={(value) => setEntity(value as Entity)}
            >
              <Group mt="xs">
                <Radio value="USERS" label="Users" disabled={!isNew} />
                <Radio value="ACCOUNTS" label="Accounts" disabled={!isNew} />
              </Group>
            </Radio.Group>
          </Stack>
        </Card>
        <Card withBorder>
          <QueryField
            kind={kind}
            entity={entity}
            value={query}
            onChange={setQuery}
            faulty={faulty}
            readOnly={!mayChange}
            below={
              kind === 'audience' && (
                <Preview
                  space={space}
                  entity={entity}
                  draft={{ query, options: previewOptions(options, opened) }}
                  onRefused={(fault) => {
                    setSent(query);
                    setError(null);
                    setRefused(fault);
                  }}
                />
              )
            }
          />
        </Card>
        <Card withBorder>
          <Options
            space={space}
            kind={kind}
            entity={entity}
            isNew={isNew}
            hasDays={opened?.options.days !== undefined}
            value={values}
            onChange={setValues}
            faults={faults}
          />
        </Card>
        <Card withBorder>
          <Switch
            label="Enabled"
            description="Off: nothing is computed, and everything stays as it is."
            checked={enabled}
            onChange={(event) => setEnabled(event.currentTarget.checked)}
          />
        </Card>
        {mayChange && (
          <Group>
            <Button type="submit" loading={isBusy} disabled={isLocked}>
              {isNew ? `Make ${words.one}` : 'Save changes'}
            </Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}

/** Who counts is said of a preview, also where it cannot be changed any more. */
function previewOptions(options: Given['options'], opened: Computation | null): NonNullable<Given['options']> {
  const { filterByExternalIds } = opened?.options ?? {};
  const isListed = filterByExternalIds !== undefined && filterByExternalIds.length > 0;
  return { ...options, ...(isListed && { filterByExternalIds }) };
}

function KeyNote({ keyText, isNew }: { readonly keyText: string; readonly isNew: boolean }) {
  if (!isNew) {
    return (
      <Text size="sm" c="dimmed">
        Its key stays <strong>{keyText}</strong>, whatever its name becomes.
      </Text>
    );
  }
  return (
    <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
      {keyText === '' ? (
        'Its key, the name of the trait on profiles, is made of the letters a to z and digits of the name.'
      ) : (
        <>
          Its key, the name of the trait on profiles, will be <strong>{keyText}</strong>. It is given once and never
          changes.
        </>
      )}
    </Text>
  );
}
