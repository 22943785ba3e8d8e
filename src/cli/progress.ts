/**
 * The progress of a sync, on stderr: a bar with rows per second and the time left on a terminal, a plain line every few
 * seconds elsewhere.
 */
import progress, { type Options, type Params } from 'cli-progress';
import type { Progress } from '../sync/sync.ts';
import type { Output } from './output.ts';
import { count, duration, shorten } from './text.ts';

export interface ProgressDisplay extends Disposable {
  update(progress: Progress): void;
}

const plainEveryMs = 3_000;

/** @param what what is being done, e.g. `Syncing customers` */
export function showProgress(output: Output, what: string): ProgressDisplay {
  const started = performance.now();
  let latest: Progress | null = null;
  const line = () => progressLine(what, latest, (performance.now() - started) / 1000);
  if (output.stderr.isTTY !== true) {
    const timer = setInterval(() => output.note(line()), plainEveryMs);
    return {
      update: (now) => {
        latest = now;
      },
      [Symbol.dispose]: () => clearInterval(timer),
    };
  }
  const bar = new progress.SingleBar({
    stream: output.stderr,
    clearOnComplete: true,
    hideCursor: true,
    fps: 8,
    barsize: 24,
    format: (options: Options, params: Params) => {
      const shown = latest !== null && latest.phase === 'loading' && latest.total > 0;
      const drawn = shown ? `${progress.Format.BarFormat(params.progress, options)} ` : '';
      return shorten(`${drawn}${line()}`, (output.stderr.columns || 80) - 1);
    },
    barCompleteChar: '█',
    barIncompleteChar: '░',
  });
  bar.start(1, 0);
  return {
    update: (now) => {
      latest = now;
      bar.setTotal(Math.max(1, now.total));
      bar.update(now.settled);
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}

/** `Syncing customers: 40,000 of 100,000 changes (40 %), 31,000 rows/s, 2 s left`. */
export function progressLine(what: string, progress: Progress | null, seconds: number): string {
  if (progress === null || progress.phase === 'extracting') {
    return `${what}: comparing the rows with what was delivered, ${duration(seconds)} so far`;
  }
  const { settled, total, rowsPerSecond } = progress;
  if (total === 0) return `${what}: nothing changed`;
  const percent = Math.floor((settled / total) * 100);
  const left = rowsPerSecond > 0 ? `, ${duration((total - settled) / rowsPerSecond)} left` : '';
  return `${what}: ${count(settled)} of ${count(total)} changes (${percent} %), ${count(rowsPerSecond)} rows/s${left}`;
}
