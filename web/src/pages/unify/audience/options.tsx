/** Who counts, and which events: the part of a form below the query. */
import { NumberInput, Stack, Switch, TagsInput, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Computation, Entity, Kind } from '../../../api/audiences.ts';
import { spaceQuery } from '../../../api/spaces.ts';

const anonymous = 'anonymous_id';

export interface OptionValues {
  /** Types of identifiers, without the anonymous one. */
  readonly types: readonly string[];
  readonly includesAnonymous: boolean;
  readonly includesHistory: boolean;
  /** Null: as the server chooses. */
  readonly days: number | null;
}

export function optionValues(computation: Computation | null): OptionValues {
  if (computation === null) {
    const types = ['user_id', 'email', 'android.idfa', 'ios.idfa'];
    return { types, includesAnonymous: false, includesHistory: true, days: null };
  }
  const { filterByExternalIds = [], includeAnonymousUsers, includeHistoricalData, days = null } = computation.options;
  return {
    types: filterByExternalIds.filter((type) => type !== anonymous),
    includesAnonymous: includeAnonymousUsers ?? filterByExternalIds.includes(anonymous),
    includesHistory: includeHistoricalData,
    days,
  };
}

/** As requests say them. Who counts is said once, when it is made. */
export function optionsSaid(
  { types, includesAnonymous, includesHistory, days }: OptionValues,
  of: { readonly kind: Kind; readonly entity: Entity; readonly isNew: boolean },
) {
  const who =
    of.entity === 'ACCOUNTS' || !of.isNew
      ? {}
      : of.kind === 'audience'
        ? { filterByExternalIds: includesAnonymous ? [...types, anonymous] : types }
        : { includeAnonymousUsers: includesAnonymous };
  return { includeHistoricalData: includesHistory, ...who, ...(days !== null && { days }) };
}

export function Options({
  space,
  kind,
  entity,
  isNew,
  hasDays,
  value,
  onChange,
  faults,
}: {
  readonly space: string;
  readonly kind: Kind;
  readonly entity: Entity;
  readonly isNew: boolean;
  /** A number of days holds: it can be another, and not be taken away. */
  readonly hasDays: boolean;
  readonly value: OptionValues;
  readonly onChange: (value: OptionValues) => void;
  readonly faults: Readonly<Record<string, string>>;
}) {
  const { data } = useQuery(spaceQuery(space));
  const known = [...(data?.identifiers ?? []), ...(data?.otherIdentifiers ?? [])]
    .filter(({ type, collection }) => collection === 'users' && type !== anonymous)
    .map(({ type }) => type);
  const daysFault = faults['options.backfillEventDataDays'] ?? faults['options.backfillDurationDays'];
  const fixed = isNew ? '' : ' It was fixed when this was made.';
  return (
    <Stack maw={620}>
      <Title order={2} size="h4">
        Who and what counts
      </Title>
      {entity === 'ACCOUNTS' ? (
        <Text size="sm">Every account counts.</Text>
      ) : (
        <>
          {kind === 'audience' && !isNew && (
            <Text size="sm">
              A user counts who is known by one of: {value.types.join(', ')}.{fixed}
            </Text>
          )}
          {kind === 'audience' && isNew && (
            <TagsInput
              label="A user counts with one of these identifiers"
              description="Whoever is known by none of them is never in it."
              data={[...new Set([...known, ...value.types])]}
              value={[...value.types]}
              error={faults['options.filterByExternalIds']}
              onChange={(types) => onChange({ ...value, types: types.filter((type) => type !== anonymous) })}
            />
          )}
          <Switch
            label="Anonymous visitors count too"
            description={`Those of whom an anonymous id is known, and nothing else.${fixed}`}
            checked={value.includesAnonymous}
            disabled={!isNew}
            onChange={(event) => onChange({ ...value, includesAnonymous: event.currentTarget.checked })}
          />
        </>
      )}
      <Switch
        label="Count what happened before"
        description="Off: only events that come after this was made. What is computed every 8 hours always looks at all that is kept."
        checked={value.includesHistory}
        onChange={(event) => onChange({ ...value, includesHistory: event.currentTarget.checked })}
      />
      {value.includesHistory && (
        <NumberInput
          label="Days before it was made"
          description={
            hasDays
              ? 'Events of so many days before that count too.'
              : kind === 'audience'
                ? 'Left empty: as many as the longest time window of the query, and 7 when it has none.'
                : 'Left empty: all events that are kept.'
          }
          required={hasDays}
          min={1}
          max={3_650}
          allowDecimal={false}
          styles={{ wrapper: { maxWidth: 180 } }}
          value={value.days ?? ''}
          error={daysFault}
          onChange={(days) => onChange({ ...value, days: typeof days === 'number' ? days : null })}
        />
      )}
    </Stack>
  );
}
