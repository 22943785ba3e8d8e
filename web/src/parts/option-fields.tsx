/** A form field for each option that the catalog lists. Faults stand at their fields. */
import { NumberInput, PasswordInput, Select, Textarea, TextInput } from '@mantine/core';
import type { JsonObject, JsonValue } from '../api/json.ts';
import type { Option } from '../api/types.ts';
import { faultAt } from './faults.tsx';

export type Values = Readonly<Record<string, string>>;

/** What a form begins with: what is stored, else the default. */
export function startingValues(options: readonly Option[], stored: JsonObject = {}): Values {
  return Object.fromEntries(options.map(({ name, defaultValue }) => [name, asText(stored[name] ?? defaultValue)]));
}

function asText(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** As the API takes them; what is left empty is not sent. */
export function settingsOf(options: readonly Option[], values: Values): JsonObject {
  const entries = options.flatMap(({ name, type }): [string, JsonValue][] => {
    const value = values[name] ?? '';
    if (value === '') return [];
    return [[name, type === 'map' || type === 'array' ? parsed(value) : value]];
  });
  return Object.fromEntries(entries);
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // The server says what is wrong with it.
    return text;
  }
}

export function OptionFields({
  options,
  values,
  onChange,
  faults,
  choices = {},
}: {
  readonly options: readonly Option[];
  readonly values: Values;
  readonly onChange: (values: Values) => void;
  readonly faults: Readonly<Record<string, string>>;
  /** Of options that are chosen from a list. */
  readonly choices?: Readonly<Record<string, readonly { readonly value: string; readonly label: string }[]>>;
}) {
  return options.map(({ name, type, label, description, required, choices: known }) => {
    const common = {
      label: label ?? name,
      description,
      error: faultAt(faults, `settings.${name}`),
      required,
      value: values[name] ?? '',
    };
    const set = (value: string) => onChange({ ...values, [name]: value });
    const list = choices[name] ?? known?.map((value) => ({ value, label: value }));
    if (list !== undefined) {
      return (
        <Select key={name} {...common} data={[...list]} allowDeselect={false} onChange={(value) => set(value ?? '')} />
      );
    }
    // A PEM is several lines, which no other field keeps; a secret one, too.
    if (pemNames.includes(name)) {
      return (
        <Textarea
          key={name}
          {...common}
          {...verbatim}
          autosize
          minRows={2}
          maxRows={10}
          onChange={(event) => set(event.currentTarget.value)}
        />
      );
    }
    switch (type) {
      case 'password':
        return (
          <PasswordInput
            key={name}
            {...common}
            autoComplete="off"
            onChange={(event) => set(event.currentTarget.value)}
          />
        );
      case 'number':
        return (
          <NumberInput
            key={name}
            {...common}
            allowNegative={false}
            hideControls
            onChange={(value) => set(String(value))}
          />
        );
      case 'map':
      case 'array':
        return (
          <Textarea
            key={name}
            {...common}
            {...verbatim}
            autosize
            minRows={2}
            onChange={(event) => set(event.currentTarget.value)}
          />
        );
      default:
        return <TextInput key={name} {...common} onChange={(event) => set(event.currentTarget.value)} />;
    }
  });
}

const pemNames: readonly string[] = ['ca', 'cert', 'key'];

/** For machines: nothing of it is completed, corrected or underlined. */
const verbatim = {
  autoComplete: 'off',
  spellCheck: false,
  styles: { input: { fontFamily: 'var(--mantine-font-family-monospace)' } },
};
