/** Saving a form: whether it is at it, and what was refused. */
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { formAround, pointOut } from './point-out.ts';

/** Done once what was read has been read again, such as going on to another page. */
type Then = () => unknown;

/**
 * What was read is read again once it is saved; what was typed stays when it is refused, and the first field at fault gets
 * the focus.
 * @param save may return what is to be done afterwards
 * @returns `submit` for the form, `go` for a button without one
 */
export function useForm(save: (form: FormData) => Promise<Then | undefined | undefined>) {
  const client = useQueryClient();
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  /** Refused, and not pointed out yet. Faults that others set are theirs to tell. */
  const refused = useRef<Element | null>(null);
  useEffect(() => {
    if (error !== null && refused.current !== null) pointOut(refused.current);
    refused.current = null;
  }, [error]);
  async function run(form: FormData, sender: Element | null) {
    const around = formAround(sender);
    setBusy(true);
    setError(null);
    try {
      const then = await save(form);
      await client.invalidateQueries();
      await then?.();
    } catch (fault) {
      refused.current = around;
      setError(fault as Error);
    } finally {
      setBusy(false);
    }
  }
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    // A dialog may stand above a form of the page, to which React would pass it on.
    event.stopPropagation();
    void run(new FormData(event.currentTarget), event.currentTarget);
  };
  return { submit, go: () => void run(new FormData(), document.activeElement), error, setError, isBusy };
}
