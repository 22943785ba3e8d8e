/** Saving a form: whether it is at it, and what was refused. */
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';

/** What was read is read again once it is saved; what was typed stays when it is refused. */
export function useForm(save: () => Promise<void>) {
  const client = useQueryClient();
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  async function go() {
    setBusy(true);
    setError(null);
    try {
      await save();
      await client.invalidateQueries();
    } catch (fault) {
      setError(fault as Error);
    } finally {
      setBusy(false);
    }
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void go();
  };
  return { submit, error, isBusy };
}
