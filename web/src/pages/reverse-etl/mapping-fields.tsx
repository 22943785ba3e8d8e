/** What a field of an action becomes: a column, a fixed text, a template, or any function of the mapping language. */
import {
  ActionIcon,
  Badge,
  Button,
  Code,
  Group,
  Select,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { createContext, useContext, useEffect, useState } from 'react';
import type { JsonObject, JsonValue } from '../../api/json.ts';
import type { ActionField } from '../../api/types.ts';
import { columnPath, isReachable } from './column-path.ts';
import { type FaultsInside, faultsByKey, faultWords, noFaults } from './faults-inside.ts';
import { mappingExamples } from './mapping-examples.ts';

/** Of the model. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** Of the row as a whole; no column of the model. */
const aboutRow = [
  { value: '$.__segment_id', label: 'Identifier of the row' },
  { value: '$.timestamp', label: 'Time of the sync' },
  { value: '$.event', label: 'Kind of change: new, updated or deleted' },
];

const pathOf = (column: string) => ({ '@path': columnPath(column) });

/** The path that a directive reads, when it is a column or something about the row; null when it is something else. */
function simplePath(value: JsonValue | undefined): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const path = (value as JsonObject)['@path'];
  if (typeof path !== 'string' || Object.keys(value).length !== 1) return null;
  if (aboutRow.some((one) => one.value === path)) return path;
  return /^\$\.properties\.[A-Za-z0-9_]+$/.test(path) || /^\$\.properties\['.+'\]$/.test(path) ? path : null;
}

/** Columns of the model, and one that is named and not among them any more. */
function columnChoices(columns: readonly Column[], path: string | null) {
  const items = columns.map(({ name }) =>
    isReachable(name)
      ? { value: columnPath(name), label: name }
      : {
          value: columnPath(name),
          label: `${name}: give it a name without dots and quotes in the query`,
          disabled: true,
        },
  );
  const isKnown = path === null || [...items, ...aboutRow].some(({ value }) => value === path);
  return [
    {
      group: 'Columns',
      items: isKnown ? items : [...items, { value: path, label: path.replace('$.properties.', '') }],
    },
    { group: 'About the row', items: aboutRow },
  ];
}

/** What is chosen may have been named in another way, by a workspace file. */
function withCurrent(
  choices: readonly { readonly value: string; readonly label: string }[],
  value: JsonValue | undefined,
) {
  const isThere = typeof value !== 'string' || value === '' || choices.some((choice) => choice.value === value);
  return isThere ? [...choices] : [...choices, { value, label: value }];
}

type Mode = 'none' | 'column' | 'text' | 'template' | 'json';

function modeOf(value: JsonValue | undefined): Mode {
  if (value === undefined) return 'none';
  if (simplePath(value) !== null) return 'column';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'object' && value !== null && '@template' in value && Object.keys(value).length === 1)
    return 'template';
  return 'json';
}

/** What a form holds before anything is typed or chosen. */
function emptyOf(mode: Mode): JsonValue | undefined {
  if (mode === 'text') return '';
  return mode === 'template' ? { '@template': '' } : undefined;
}

const modes = [
  { value: 'none', label: 'Not mapped' },
  { value: 'column', label: 'Column' },
  { value: 'text', label: 'Fixed text' },
  { value: 'template', label: 'Template' },
  { value: 'json', label: 'Function (JSON)' },
];

export function FieldRow({
  field,
  value,
  columns,
  choices,
  faults,
  sendsNulls,
  onNulls,
  onChange,
}: {
  readonly field: ActionField;
  readonly value: JsonValue | undefined;
  readonly columns: readonly Column[];
  /** Of a field whose choices are looked up. */
  readonly choices: readonly { readonly value: string; readonly label: string }[] | null;
  readonly faults: FaultsInside;
  /** Whether a null is sent: it then clears what the profile has. */
  readonly sendsNulls: boolean;
  readonly onNulls: (sends: boolean) => void;
  readonly onChange: (value: JsonValue | undefined) => void;
}) {
  const label = (
    <Stack gap={0}>
      <Group gap={6}>
        <Text fw={500} size="sm">
          {field.label}
        </Text>
        {field.required && (
          <Badge size="xs" variant="light">
            required
          </Badge>
        )}
      </Group>
      <Text size="xs" c="dimmed">
        {field.description}
      </Text>
    </Stack>
  );
  if (choices !== null && (value === undefined || typeof value === 'string')) {
    return (
      <Group align="flex-start" wrap="wrap">
        <div style={{ flex: '1 1 240px' }}>{label}</div>
        <Select
          aria-label={field.label}
          allowDeselect={false}
          style={{ flex: '1 1 320px' }}
          data={withCurrent(choices, value)}
          value={typeof value === 'string' ? value : null}
          placeholder="Choose a space"
          error={faultWords(faults)}
          nothingFoundMessage="There is none yet"
          onChange={(chosen) => onChange(chosen ?? undefined)}
        />
      </Group>
    );
  }
  const mapped = value ?? field.defaultValue ?? undefined;
  // Keys and their values take all the width there is, below what they are for.
  const basis = field.type === 'OBJECT' ? { label: '100%', value: '100%' } : { label: '240px', value: '320px' };
  return (
    <Group align="flex-start" wrap="wrap">
      <div style={{ flex: `1 1 ${basis.label}` }}>{label}</div>
      <Stack gap={6} className="field-value" style={{ flex: `1 1 ${basis.value}` }}>
        {field.type === 'OBJECT' ? (
          <KeyValues label={field.label} value={mapped} columns={columns} faults={faults} onChange={onChange} />
        ) : (
          <ValueInput label={field.label} value={mapped} columns={columns} faults={faults} onChange={onChange} />
        )}
        {!field.required && mapped !== undefined && (
          <Switch
            size="xs"
            label="Sync null values"
            aria-label={`${field.label}: sync null values`}
            description={sendsNulls ? undefined : 'A null leaves what the profile has.'}
            checked={sendsNulls}
            onChange={(event) => onNulls(event.currentTarget.checked)}
          />
        )}
      </Stack>
    </Group>
  );
}

interface ValueProps {
  readonly label: string;
  readonly value: JsonValue | undefined;
  readonly columns: readonly Column[];
  readonly faults: FaultsInside;
  readonly onChange: (value: JsonValue | undefined) => void;
}

function ValueInput({ label, value, columns, faults, onChange }: ValueProps) {
  const [mode, setMode] = useState<Mode>(modeOf(value));
  const shownMode = mode === 'none' && value !== undefined ? modeOf(value) : mode;
  const fault = faultWords(faults);
  return (
    <div className="value-input">
      <Select
        aria-label={`${label}: where from`}
        className="where-from"
        allowDeselect={false}
        data={modes}
        value={shownMode}
        error={shownMode === 'none' ? fault : undefined}
        onChange={(next) => {
          const chosen = (next ?? 'none') as Mode;
          setMode(chosen);
          // What is saved is what is seen: nothing of the form before stays behind.
          if (chosen !== 'json') onChange(emptyOf(chosen));
        }}
      />
      {shownMode === 'column' && (
        <Select
          aria-label={`${label}: column`}
          searchable
          // Enter on what is chosen keeps it; to map nothing there is a choice of its own.
          allowDeselect={false}
          data={columnChoices(columns, simplePath(value))}
          value={simplePath(value)}
          placeholder="Choose a column"
          error={fault}
          // Its list would lie over the words below it, when it is pointed out.
          openOnFocus={fault === undefined}
          onChange={(path) => onChange(path === null ? undefined : { '@path': path })}
        />
      )}
      {shownMode === 'text' && (
        <TextInput
          aria-label={`${label}: text`}
          value={typeof value === 'string' ? value : ''}
          error={fault}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      )}
      {shownMode === 'template' && (
        <TextInput
          aria-label={`${label}: template`}
          placeholder="{{properties.first_name}} {{properties.last_name}}"
          value={String((value as JsonObject | undefined)?.['@template'] ?? '')}
          error={fault}
          onChange={(event) => onChange({ '@template': event.currentTarget.value })}
        />
      )}
      {shownMode === 'json' && (
        <JsonText label={label} value={value} columns={columns} faults={faults} onChange={onChange} />
      )}
    </div>
  );
}

/** Told of each text that is no JSON yet: the form around must not take the value before it for what is seen. */
export const UnreadableContext = createContext<(label: string, isUnreadable: boolean) => void>(() => undefined);

/** What no other form can show: any directive. */
function JsonText({ label, value, columns, faults, onChange }: ValueProps) {
  const [text, setText] = useState(value === undefined ? '' : JSON.stringify(value, null, 2));
  const [fault, setFault] = useState<string | null>(null);
  const tell = useContext(UnreadableContext);
  const isUnreadable = fault !== null;
  useEffect(() => {
    tell(label, isUnreadable);
    return () => tell(label, false);
  }, [tell, label, isUnreadable]);
  function put(next: string) {
    setText(next);
    try {
      onChange(JSON.parse(next) as JsonValue);
      setFault(null);
    } catch (error) {
      setFault(`This is not JSON: ${(error as Error).message}`);
    }
  }
  const known = mappingExamples(columns.find(({ name }) => isReachable(name))?.name ?? 'id');
  return (
    <Stack gap={6}>
      <Select
        aria-label={`${label}: begin with a function`}
        placeholder="Begin with a function …"
        data={Object.keys(known)}
        value={null}
        onChange={(name) => name !== null && put(JSON.stringify(known[name], null, 2))}
      />
      <Textarea
        aria-label={`${label}: JSON`}
        autosize
        minRows={2}
        maxRows={14}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        value={text}
        error={fault ?? faultWords(faults)}
        onChange={(event) => put(event.currentTarget.value)}
      />
    </Stack>
  );
}

function KeyValues({ label, value, columns, faults, onChange }: ValueProps) {
  const isPlain =
    value === undefined ||
    (typeof value === 'object' && value !== null && !Object.keys(value).some((key) => key.startsWith('@')));
  const [newKey, setNewKey] = useState('');
  if (!isPlain) return <JsonText label={label} value={value} columns={columns} faults={faults} onChange={onChange} />;
  const entries = Object.entries((value ?? {}) as JsonObject);
  const { rows, others } = faultsByKey(
    faults,
    entries.map(([key]) => key),
  );
  const whole = faultWords(others);
  const set = (key: string, next: JsonValue | undefined) => onChange({ ...(value as JsonObject), [key]: next ?? null });
  const remove = (key: string) => onChange(Object.fromEntries(entries.filter(([one]) => one !== key)));
  const canAdd = newKey.trim() !== '' && !entries.some(([key]) => key === newKey.trim());
  const addKey = () => {
    const key = newKey.trim();
    const same = columns.find(({ name }) => name.toLowerCase() === key.toLowerCase());
    set(key, same === undefined ? '' : pathOf(same.name));
    setNewKey('');
  };
  const addAll = () =>
    onChange({
      ...Object.fromEntries(columns.map(({ name }) => [name, pathOf(name)])),
      ...(value as JsonObject | undefined),
    });
  return (
    <Stack gap="xs">
      {whole !== undefined && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert" data-fault>
          {whole}
        </Text>
      )}
      {entries.length > 0 && (
        <ul className="key-values">
          {entries.map(([key, entry]) => (
            <li key={key}>
              <Code className="key">{key}</Code>
              <div className="value">
                <ValueInput
                  label={`${label} ${key}`}
                  value={entry}
                  columns={columns}
                  faults={rows.get(key) ?? noFaults}
                  onChange={(next) => set(key, next)}
                />
              </div>
              <ActionIcon
                className="remove"
                variant="subtle"
                color="gray"
                mt={4}
                aria-label={`Remove ${key}`}
                onClick={() => remove(key)}
              >
                <IconTrash size={16} aria-hidden />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
      <Group gap="xs">
        <TextInput
          aria-label={`${label}: new key`}
          placeholder="New key"
          value={newKey}
          onChange={(event) => setNewKey(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            // It adds the key; the form around it is not meant.
            event.preventDefault();
            if (canAdd) addKey();
          }}
        />
        <Button variant="light" size="xs" disabled={!canAdd} onClick={addKey}>
          Add
        </Button>
        <Button variant="default" size="xs" disabled={columns.length === 0} onClick={addAll}>
          Add all columns
        </Button>
      </Group>
    </Stack>
  );
}
