/**
 * The identity rules of a space as a form. In: the types in their order, of which the first `ordered` have a place that somebody
 * gave them. Out: the same, changed. Whatever is changed gets a place of its own, and so does everything above it.
 */
import {
  ActionIcon,
  Alert,
  Badge,
  Button,
  Card,
  Collapse,
  Group,
  NumberInput,
  Select,
  Stack,
  Switch,
  TagsInput,
  Text,
  TextInput,
  VisuallyHidden,
} from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconTrash } from '@tabler/icons-react';
import { useEffect, useId, useRef, useState } from 'react';
import type { IdentifierRule, Window } from '../../../api/spaces.ts';

export interface Rules {
  readonly list: readonly IdentifierRule[];
  readonly ordered: number;
  readonly autoRegister: boolean;
}

type Faults = Readonly<Record<string, string>>;

/** What the API takes. */
export function rulesInput({ list, ordered, autoRegister }: Rules) {
  return { identifiers: list.slice(0, ordered), autoRegister };
}

/** Whether the form shows the fault of a field itself. */
export const isRuleField = (field: string) => /^identifiers\.\d+\./.test(field);

const windowWords: Readonly<Record<Window, string>> = {
  ever: 'ever',
  annually: 'in a year',
  monthly: 'in 30 days',
  weekly: 'in 7 days',
  daily: 'in a day',
};
const windowChoices = Object.entries(windowWords).map(([value, label]) => ({ value, label }));

const usualTypes = ['user_id', 'email', 'android.id', 'android.idfa', 'android.push_token', 'anonymous_id'].concat([
  'ga_client_id',
  'group_id',
  'ios.id',
  'ios.idfa',
  'ios.push_token',
]);
const nothingBlocked = { values: [], patterns: [], recommended: true } as const;

/** What a space starts with that is given no rules. */
export const usualRules: Rules = {
  list: usualTypes.map((type) => ({
    ...{ type, collection: type === 'group_id' ? 'accounts' : 'users', limit: type === 'user_id' ? 1 : 5 },
    ...{ per: 'ever', blocked: nothingBlocked, custom: false },
  })),
  ordered: usualTypes.length,
  autoRegister: true,
};

export function IdentityRules({
  value,
  onChange,
  faults,
  disabled = false,
}: {
  readonly value: Rules;
  readonly onChange: (rules: Rules) => void;
  readonly faults: Faults;
  readonly disabled?: boolean;
}) {
  const { list, ordered } = value;
  const [said, setSaid] = useState('');
  const moved = useRef<{ readonly type: string; readonly by: number } | null>(null);
  const rows = useRef<HTMLOListElement>(null);

  // The row went elsewhere in the page: the keyboard follows it.
  useEffect(() => {
    if (moved.current === null) return;
    const { type, by } = moved.current;
    moved.current = null;
    const buttons = [...(rows.current?.querySelectorAll<HTMLButtonElement>(`button[data-move="${type}"]`) ?? [])];
    const [up, down] = buttons;
    const wanted = by < 0 ? [up, down] : [down, up];
    wanted.find((button) => button?.disabled === false)?.focus();
  });

  const change = (at: number, rule: IdentifierRule) =>
    onChange({ ...value, list: list.with(at, rule), ordered: Math.max(ordered, at + 1) });

  function move(at: number, by: number) {
    const [rule, other] = [list[at] as IdentifierRule, list[at + by] as IdentifierRule];
    moved.current = { type: rule.type, by };
    setSaid(`${rule.type} is number ${at + by + 1} now.`);
    const lower = Math.max(at, at + by);
    onChange({ ...value, list: list.with(at, other).with(at + by, rule), ordered: Math.max(ordered, lower + 1) });
  }

  const remove = (at: number) =>
    onChange({ ...value, list: list.toSpliced(at, 1), ordered: at < ordered ? ordered - 1 : ordered });

  return (
    <Stack>
      <Text size="sm" c="dimmed" maw={760}>
        The order is the priority. When a message would join more than the limits allow, its identifiers are given up
        from the bottom of this list until it fits. A limit says how many values of a type one profile may have.
      </Text>
      <VisuallyHidden role="status">{said}</VisuallyHidden>
      <ol ref={rows} style={{ listStyle: 'none', margin: 0, padding: 0, display: 'grid', gap: 8 }}>
        {list.map((rule, at) => (
          <li key={rule.type}>
            <Rule
              rule={rule}
              no={at + 1}
              isLast={at === list.length - 1}
              isOrdered={at < ordered}
              disabled={disabled}
              faultOf={(field) => faults[`identifiers.${at}.${field}`]}
              faults={faults}
              field={`identifiers.${at}`}
              change={(next) => change(at, next)}
              move={(by) => move(at, by)}
              remove={() => remove(at)}
            />
          </li>
        ))}
      </ol>
      {!disabled && (
        <NewType
          types={list.map(({ type }) => type)}
          add={(rule) => onChange({ ...value, list: [...list, rule], ordered: list.length + 1 })}
        />
      )}
      <Switch
        label="Learn new types"
        description="A type that first comes in context.externalIds of a message becomes known, with the lowest priority and a limit of 5."
        checked={value.autoRegister}
        disabled={disabled}
        onChange={(event) => onChange({ ...value, autoRegister: event.currentTarget.checked })}
      />
    </Stack>
  );
}

function Rule({
  rule,
  no,
  isLast,
  isOrdered,
  disabled,
  faultOf,
  faults,
  field,
  change,
  move,
  remove,
}: {
  readonly rule: IdentifierRule;
  readonly no: number;
  readonly isLast: boolean;
  readonly isOrdered: boolean;
  readonly disabled: boolean;
  readonly faultOf: (field: string) => string | undefined;
  readonly faults: Faults;
  readonly field: string;
  readonly change: (rule: IdentifierRule) => void;
  readonly move: (by: number) => void;
  readonly remove: () => void;
}) {
  const { type, limit, per, blocked } = rule;
  const blockedFault = Object.entries(faults).find(([name]) => name.startsWith(`${field}.blocked`))?.[1];
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen || blockedFault !== undefined;
  const panel = useId();
  const more = blocked.values.length + blocked.patterns.length;
  const own = more === 0 ? '' : `${more} of your own`;
  const usual = blocked.recommended ? 'the usual' : '';
  const summary = [usual, own].filter((part) => part !== '').join(' and ') || 'nothing';
  const setBlocked = (part: Partial<IdentifierRule['blocked']>) =>
    change({ ...rule, blocked: { ...blocked, ...part } });
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between" gap="sm" align="center">
        <Stack gap={2} style={{ flex: '1 1 180px' }}>
          <Group gap="xs">
            <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
              {no}. {type}
            </Text>
            {rule.custom && <Badge variant="light">custom</Badge>}
            {rule.collection === 'accounts' && (
              <Badge variant="light" color="gray">
                accounts
              </Badge>
            )}
            {!isOrdered && (
              <Text size="xs" c="dimmed">
                usual place
              </Text>
            )}
          </Group>
          {faultOf('type') !== undefined && (
            <Text size="sm" c="var(--mantine-color-error)" role="alert" data-fault>
              {faultOf('type')}
            </Text>
          )}
        </Stack>
        <Group gap="xs" align="center">
          <Text size="sm">at most</Text>
          <NumberInput
            aria-label={`Limit of ${type}`}
            w={76}
            size="sm"
            min={1}
            max={1000}
            allowDecimal={false}
            allowNegative={false}
            value={limit}
            error={faultOf('limit')}
            disabled={disabled}
            onChange={(next) => change({ ...rule, limit: typeof next === 'number' ? next : Number(next) || 0 })}
          />
          <Select
            aria-label={`Time in which values of ${type} count`}
            w={132}
            size="sm"
            allowDeselect={false}
            data={windowChoices}
            value={per}
            error={faultOf('per')}
            disabled={disabled}
            onChange={(next) => change({ ...rule, per: (next ?? 'ever') as Window })}
          />
          <Button
            variant="subtle"
            size="compact-sm"
            aria-expanded={shown}
            aria-controls={panel}
            aria-label={`Blocked values of ${type}: ${summary}`}
            onClick={() => setOpen(!shown)}
          >
            Blocked: {summary}
          </Button>
          {!disabled && (
            <Group gap={4} wrap="nowrap">
              <ActionIcon
                data-move={type}
                variant="default"
                size="lg"
                aria-label={`Move ${type} up`}
                disabled={no === 1}
                onClick={() => move(-1)}
              >
                <IconArrowUp size={16} aria-hidden />
              </ActionIcon>
              <ActionIcon
                data-move={type}
                variant="default"
                size="lg"
                aria-label={`Move ${type} down`}
                disabled={isLast}
                onClick={() => move(1)}
              >
                <IconArrowDown size={16} aria-hidden />
              </ActionIcon>
              {!usualTypes.includes(type) && (
                <ActionIcon variant="default" size="lg" aria-label={`Remove ${type}`} onClick={remove}>
                  <IconTrash size={16} aria-hidden />
                </ActionIcon>
              )}
            </Group>
          )}
        </Group>
      </Group>
      <Collapse expanded={shown} id={panel}>
        <Stack gap="sm" pt="sm" maw={620}>
          <Text size="sm" c="dimmed">
            A blocked value identifies nobody. The message keeps it, and goes by its other identifiers.
          </Text>
          <Switch
            label="Block what usually stands for nobody"
            description="-1, null, anonymous, and values of zeroes and dashes alone."
            aria-label={`Block what usually stands for nobody, of ${type}`}
            checked={blocked.recommended}
            disabled={disabled}
            onChange={(event) => setBlocked({ recommended: event.currentTarget.checked })}
          />
          <TagsInput
            label={`Blocked values of ${type}`}
            description="Exactly as they come, e.g. those of a test account. Enter adds one."
            splitChars={[]}
            value={[...blocked.values]}
            acceptValueOnBlur
            disabled={disabled}
            error={faultBelow(faults, `${field}.blocked.values`)}
            onChange={(values) => setBlocked({ values })}
          />
          <TagsInput
            label={`Blocked patterns of ${type}`}
            description="Regular expressions, e.g. ^test- for everything that begins so. Enter adds one."
            splitChars={[]}
            value={[...blocked.patterns]}
            acceptValueOnBlur
            disabled={disabled}
            error={faultBelow(faults, `${field}.blocked.patterns`)}
            onChange={(patterns) => setBlocked({ patterns })}
          />
        </Stack>
      </Collapse>
    </Card>
  );
}

function faultBelow(faults: Faults, start: string): string | undefined {
  return Object.entries(faults).find(([name]) => name === start || name.startsWith(`${start}.`))?.[1];
}

function NewType({ types, add }: { readonly types: readonly string[]; readonly add: (rule: IdentifierRule) => void }) {
  const [type, setType] = useState('');
  const [collection, setCollection] = useState<IdentifierRule['collection']>('users');
  const isTaken = types.includes(type.trim());
  function append() {
    add({ type: type.trim(), collection, limit: 5, per: 'ever', blocked: nothingBlocked, custom: true });
    setType('');
  }
  return (
    <Card withBorder padding="sm">
      <Group align="flex-end" gap="sm">
        <TextInput
          label="Custom identifier"
          description="Lower-case letters, digits and _. It is read from traits, properties and context.externalIds."
          placeholder="loyalty_id"
          style={{ flex: '1 1 240px' }}
          value={type}
          error={isTaken ? 'It is in the list already.' : undefined}
          onChange={(event) => setType(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            // Not the whole form.
            event.preventDefault();
            if (type.trim() !== '' && !isTaken) append();
          }}
        />
        <Select
          label="Of"
          w={140}
          allowDeselect={false}
          data={[
            { value: 'users', label: 'people' },
            { value: 'accounts', label: 'accounts' },
          ]}
          value={collection}
          onChange={(value) => setCollection(value === 'accounts' ? 'accounts' : 'users')}
        />
        <Button variant="light" disabled={type.trim() === '' || isTaken} onClick={append}>
          Add identifier
        </Button>
      </Group>
    </Card>
  );
}

/** What it means for profiles that are there. */
export function RulesWarning({ hasProfiles }: { readonly hasProfiles: boolean }) {
  return (
    <Alert
      color={hasProfiles ? 'yellow' : 'blue'}
      title={hasProfiles ? 'Changes hold for new messages only' : 'Settle the rules before people come'}
    >
      {hasProfiles
        ? 'Profiles that are there stay as they are: none is split, none are merged, and a value that you block now stays an identifier where it is one already. A profile that is over a lowered limit keeps its values and gains no more.'
        : 'Once there are profiles, changed rules hold for new messages only: no profile is split or merged by them.'}
    </Alert>
  );
}
