/** What a field of an action becomes: a column, a fixed text, a template, or any function of the mapping language. */
import { ActionIcon, Badge, Button, Code, Group, Select, Stack, Switch, Table, Text, TextInput } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import type { JsonObject, JsonValue } from '../../api/json.ts';
import type { ActionField } from '../../api/types.ts';

/** Of the model. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

const pathOf = (column: string) => ({
  '@path': /^[A-Za-z0-9_]+$/.test(column) ? `$.properties.${column}` : `$.properties['${column}']`,
});

/** The column a directive names; null when it is something else. */
function columnOf(value: JsonValue | undefined): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const path = (value as JsonObject)['@path'];
  if (typeof path !== 'string' || Object.keys(value).length !== 1) return null;
  return /^\$\.properties\.([A-Za-z0-9_]+)$/.exec(path)?.[1] ?? /^\$\.properties\['(.+)'\]$/.exec(path)?.[1] ?? null;
}

type Mode = 'none' | 'column' | 'text' | 'template' | 'json';

function modeOf(value: JsonValue | undefined): Mode {
  if (value === undefined) return 'none';
  if (columnOf(value) !== null) return 'column';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'object' && value !== null && '@template' in value && Object.keys(value).length === 1)
    return 'template';
  return 'json';
}

const modes = [
  { value: 'none', label: 'Not mapped' },
  { value: 'column', label: 'Column' },
  { value: 'text', label: 'Fixed text' },
  { value: 'template', label: 'Template' },
  { value: 'json', label: 'Function (JSON)' },
];

/** Fields whose nulls are not sent are wrapped in this. */
const exclude = '@excludeWhenNull';

/** What is mapped, and whether a null of it is sent: it then clears what was there. */
function nullsOf(value: JsonValue | undefined): {
  readonly inner: JsonValue | undefined;
  readonly sendsNulls: boolean;
} {
  const isWrapped = typeof value === 'object' && value !== null && exclude in value && Object.keys(value).length === 1;
  return isWrapped
    ? { inner: (value as JsonObject)[exclude] as JsonValue, sendsNulls: false }
    : { inner: value, sendsNulls: true };
}

export function FieldRow({
  field,
  value,
  columns,
  choices,
  fault,
  onChange,
}: {
  readonly field: ActionField;
  readonly value: JsonValue | undefined;
  readonly columns: readonly Column[];
  /** Of a field whose choices are looked up. */
  readonly choices: readonly { readonly value: string; readonly label: string }[] | null;
  readonly fault: string | undefined;
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
      {fault !== undefined && (
        <Text size="xs" c="red" role="alert">
          {fault}
        </Text>
      )}
    </Stack>
  );
  if (choices !== null && choices.length > 0) {
    return (
      <Group align="flex-start" wrap="wrap">
        <div style={{ flex: '1 1 240px' }}>{label}</div>
        <Select
          aria-label={field.label}
          style={{ flex: '1 1 320px' }}
          data={[...choices]}
          value={typeof value === 'string' ? value : null}
          placeholder="Choose a space"
          onChange={(chosen) => onChange(chosen ?? undefined)}
        />
      </Group>
    );
  }
  const mapped = value ?? field.defaultValue ?? undefined;
  const { inner, sendsNulls } = nullsOf(mapped);
  const put = (next: JsonValue | undefined, withNulls = sendsNulls) =>
    onChange(next === undefined || withNulls ? next : { [exclude]: next });
  return (
    <Group align="flex-start" wrap="wrap">
      <div style={{ flex: '1 1 240px' }}>{label}</div>
      <Stack gap={6} style={{ flex: '1 1 320px', minWidth: 0 }}>
        {field.type === 'OBJECT' ? (
          <KeyValues label={field.label} value={inner} columns={columns} onChange={put} />
        ) : (
          <ValueInput label={field.label} value={inner} columns={columns} onChange={put} />
        )}
        {!field.required && inner !== undefined && (
          <Switch
            size="xs"
            label="Sync null values"
            aria-label={`${field.label}: sync null values`}
            description={sendsNulls ? undefined : 'A null leaves what the profile has.'}
            checked={sendsNulls}
            onChange={(event) => put(inner, event.currentTarget.checked)}
          />
        )}
      </Stack>
    </Group>
  );
}

function ValueInput({
  label,
  value,
  columns,
  onChange,
}: {
  readonly label: string;
  readonly value: JsonValue | undefined;
  readonly columns: readonly Column[];
  readonly onChange: (value: JsonValue | undefined) => void;
}) {
  const [mode, setMode] = useState<Mode>(modeOf(value));
  const shownMode = mode === 'none' && value !== undefined ? modeOf(value) : mode;
  return (
    <Group gap="xs" align="flex-start" wrap="nowrap">
      <Select
        aria-label={`${label}: where from`}
        w={150}
        allowDeselect={false}
        data={modes}
        value={shownMode}
        onChange={(next) => {
          setMode((next ?? 'none') as Mode);
          if (next === 'none') onChange(undefined);
        }}
      />
      {shownMode === 'column' && (
        <Select
          aria-label={`${label}: column`}
          style={{ flex: 1 }}
          searchable
          data={columns.map(({ name }) => name)}
          value={columnOf(value)}
          placeholder="Choose a column"
          onChange={(column) => onChange(column === null ? undefined : pathOf(column))}
        />
      )}
      {shownMode === 'text' && (
        <TextInput
          aria-label={`${label}: text`}
          style={{ flex: 1 }}
          value={typeof value === 'string' ? value : ''}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      )}
      {shownMode === 'template' && (
        <TextInput
          aria-label={`${label}: template`}
          style={{ flex: 1 }}
          placeholder="{{properties.first_name}} {{properties.last_name}}"
          value={String((value as JsonObject | undefined)?.['@template'] ?? '')}
          onChange={(event) => onChange({ '@template': event.currentTarget.value })}
        />
      )}
      {shownMode === 'json' && <JsonText label={label} value={value} onChange={onChange} />}
    </Group>
  );
}

/** What no other form can show: any directive. */
function JsonText({
  label,
  value,
  onChange,
}: {
  readonly label: string;
  readonly value: JsonValue | undefined;
  readonly onChange: (value: JsonValue) => void;
}) {
  const [text, setText] = useState(value === undefined ? '' : JSON.stringify(value));
  const [isWrong, setWrong] = useState(false);
  return (
    <TextInput
      aria-label={`${label}: JSON`}
      style={{ flex: 1 }}
      value={text}
      error={isWrong ? 'This is not JSON.' : undefined}
      onChange={(event) => {
        setText(event.currentTarget.value);
        try {
          onChange(JSON.parse(event.currentTarget.value) as JsonValue);
          setWrong(false);
        } catch {
          setWrong(true);
        }
      }}
    />
  );
}

function KeyValues({
  label,
  value,
  columns,
  onChange,
}: {
  readonly label: string;
  readonly value: JsonValue | undefined;
  readonly columns: readonly Column[];
  readonly onChange: (value: JsonValue | undefined) => void;
}) {
  const isPlain =
    value === undefined ||
    (typeof value === 'object' && value !== null && !Object.keys(value).some((key) => key.startsWith('@')));
  const [newKey, setNewKey] = useState('');
  if (!isPlain) return <JsonText label={label} value={value} onChange={onChange} />;
  const entries = Object.entries((value ?? {}) as JsonObject);
  const set = (key: string, next: JsonValue | undefined) => onChange({ ...(value as JsonObject), [key]: next ?? null });
  const remove = (key: string) => onChange(Object.fromEntries(entries.filter(([one]) => one !== key)));
  const addAll = () =>
    onChange({
      ...Object.fromEntries(columns.map(({ name }) => [name, pathOf(name)])),
      ...(value as JsonObject | undefined),
    });
  return (
    <Stack gap="xs">
      {entries.length > 0 && (
        <Table withRowBorders={false} verticalSpacing={4} horizontalSpacing={0}>
          <Table.Tbody>
            {entries.map(([key, entry]) => (
              <Table.Tr key={key}>
                <Table.Td style={{ verticalAlign: 'top', paddingTop: 10, overflowWrap: 'anywhere' }}>
                  <Code>{key}</Code>
                </Table.Td>
                <Table.Td>
                  <ValueInput
                    label={`${label} ${key}`}
                    value={entry}
                    columns={columns}
                    onChange={(next) => set(key, next)}
                  />
                </Table.Td>
                <Table.Td w={36}>
                  <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${key}`} onClick={() => remove(key)}>
                    <IconTrash size={16} aria-hidden />
                  </ActionIcon>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Group gap="xs">
        <TextInput
          aria-label={`${label}: new key`}
          placeholder="New key"
          value={newKey}
          onChange={(event) => setNewKey(event.currentTarget.value)}
        />
        <Button
          variant="light"
          size="xs"
          disabled={newKey.trim() === '' || entries.some(([key]) => key === newKey.trim())}
          onClick={() => {
            const key = newKey.trim();
            const same = columns.find(({ name }) => name.toLowerCase() === key.toLowerCase());
            set(key, same === undefined ? '' : pathOf(same.name));
            setNewKey('');
          }}
        >
          Add
        </Button>
        <Button variant="subtle" size="xs" disabled={columns.length === 0} onClick={addAll}>
          Add all columns
        </Button>
      </Group>
    </Stack>
  );
}
