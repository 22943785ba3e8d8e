/** What the server refused, above a form: what belongs to no field, and what all went wrong when it was something else. */
import { Alert, List } from '@mantine/core';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client.ts';

type FieldFaults = Readonly<Record<string, string>>;

export function fieldFaults(error: Error | null): FieldFaults {
  return error instanceof ApiError ? error.fields : {};
}

/** The faults of a field and of what is inside of it, each with where it is; undefined when there are none. */
export function faultAt(faults: FieldFaults, field: string): string | undefined {
  const found = Object.entries(faults).flatMap(([at, message]) => {
    if (at === field) return [message];
    return at.startsWith(`${field}.`) ? [`${at.slice(field.length + 1)}: ${message}`] : [];
  });
  return found.length === 0 ? undefined : found.join(' · ');
}

/** Why nothing was saved. Where no field is at fault it gets the focus (`point-out.ts`). */
export function Refusal({ title, children }: { readonly title?: string; readonly children: ReactNode }) {
  return (
    <Alert color="red" role="alert" title={title} data-refusal>
      {children}
    </Alert>
  );
}

/** `shown` are the fields of the form; their faults stand there. */
export function Faults({
  error,
  shown = () => false,
}: {
  readonly error: Error | null;
  readonly shown?: (field: string) => boolean;
}) {
  if (error === null) return null;
  const faults = error instanceof ApiError ? error.faults : [{ message: error.message, field: undefined }];
  const others = faults.filter(({ field }) => field === undefined || !shown(field));
  return (
    <Refusal title="Nothing was saved">
      {others.length === 0 ? (
        'Some fields cannot be saved as they are; each says why.'
      ) : (
        <List size="sm">
          {others.map(({ message }) => (
            <List.Item key={message}>{message}</List.Item>
          ))}
        </List>
      )}
    </Refusal>
  );
}
