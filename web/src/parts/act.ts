/** Doing something on the server: the fault is shown where the page is, and what was read before is read again. */
import { notifications } from '@mantine/notifications';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

/**
 * @param failed what to say when it was refused, as a title: `No sync was started`
 * @returns `act(work, done?)` and whether it is at it; `done` is said when it succeeded. What pages show is asked for again.
 */
export function useAct(failed: string) {
  const client = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  async function act(work: () => Promise<unknown>, done?: string): Promise<boolean> {
    setBusy(true);
    try {
      await work();
      await client.invalidateQueries();
      if (done !== undefined) notifications.show({ color: 'green', message: done });
      return true;
    } catch (fault) {
      notifications.show({ color: 'red', title: failed, message: (fault as Error).message });
      return false;
    } finally {
      setBusy(false);
    }
  }
  return { act, isBusy };
}
