/** What the server refused, above a form: what belongs to no field, and what all went wrong when it was something else. */
import { Alert, List } from '@mantine/core';
import { ApiError } from '../api/client.ts';

export function fieldFaults(error: Error | null): Readonly<Record<string, string>> {
  return error instanceof ApiError ? error.fields : {};
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
    <Alert color="red" role="alert" title="Nothing was saved">
      {others.length === 0 ? (
        'Some fields cannot be saved as they are; each says why.'
      ) : (
        <List size="sm">
          {others.map(({ message }) => (
            <List.Item key={message}>{message}</List.Item>
          ))}
        </List>
      )}
    </Alert>
  );
}
