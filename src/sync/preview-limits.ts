/**
 * What looks into warehouses may cost, for a server that answers many. In: one look at a time, as work with a signal. Promised:
 * no more than a few of this process run at once, the others wait their turn; each ends after a time, and when the signal of
 * its caller says so, in the warehouse too.
 */
import { MillraceError } from '../base/errors.ts';

export interface PreviewLimits {
  /** Looks that run at once. */
  readonly atOnce: number;
  /** And that may wait for their turn. */
  readonly waiting: number;
  /** How long one may run, its wait not included, in milliseconds. */
  readonly longestMs: number;
}

export const usualPreviewLimits: PreviewLimits = { atOnce: 4, waiting: 40, longestMs: 60_000 };

/** Errors: `preview_busy`, `preview_too_slow`, `cancelled`. */
export type LimitPreviews = <T>(work: (signal: AbortSignal) => Promise<T>, caller?: AbortSignal) => Promise<T>;

export function createPreviewLimits({ atOnce, waiting, longestMs }: PreviewLimits = usualPreviewLimits): LimitPreviews {
  let running = 0;
  const queue: (() => void)[] = [];
  const leave = () => {
    const next = queue.shift();
    // Who comes next takes the place over.
    if (next === undefined) running--;
    else next();
  };
  const enter = async (caller: AbortSignal | undefined) => {
    if (running >= atOnce) await turn(queue, waiting, caller);
    else running++;
  };
  return async (work, caller) => {
    if (isAborted(caller)) throw gone();
    await enter(caller);
    const late = AbortSignal.timeout(longestMs);
    try {
      return await work(caller === undefined ? late : AbortSignal.any([late, caller]));
    } catch (error) {
      if (!isAborted(caller) && late.aborted) throw tooSlow(longestMs);
      throw error;
    } finally {
      leave();
    }
  };
}

/** Waits until one before has left; gives the place up when the caller goes. */
function turn(queue: (() => void)[], most: number, caller: AbortSignal | undefined): Promise<void> {
  if (queue.length >= most) {
    return Promise.reject(new MillraceError('preview_busy', 'Too many previews run and wait at present.'));
  }
  return new Promise((resolve, reject) => {
    const begin = () => {
      caller?.removeEventListener('abort', give);
      resolve();
    };
    const give = () => {
      queue.splice(queue.indexOf(begin), 1);
      reject(gone());
    };
    caller?.addEventListener('abort', give, { once: true });
    queue.push(begin);
  });
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

function gone(): MillraceError {
  return new MillraceError('cancelled', 'Whoever asked for the preview is gone.');
}

function tooSlow(ms: number): MillraceError {
  return new MillraceError('preview_too_slow', `The warehouse gave no first rows within ${ms / 1000} seconds.`);
}
