/**
 * The progress of a sync, on stderr: a bar with rows per second and the time left on a terminal, a plain line every few
 * seconds elsewhere.
 */
import progress, { type Options, type Params } from 'cli-progress';
import stringWidth from 'string-width';
import { count } from '../base/count.ts';
import type { Progress } from '../sync/sync.ts';
import type { Output } from './output.ts';
import { duration, shorten } from './text.ts';

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
    barsize: widestBar,
    format: (options: Options, params: Params) => {
      const width = (output.stderr.columns || 80) - 1;
      const seconds = (performance.now() - started) / 1000;
      return barLine(what, latest, seconds, width, (barsize) =>
        progress.Format.BarFormat(params.progress, { ...options, barsize }),
      );
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
  const { words, figures } = partsOf(progress, seconds);
  return `${what}${words[0]}${figures}`;
}

const widestBar = 24;
const narrowestBar = 8;
/** A shorter name says nothing any more. */
const shortestName = 12;

/**
 * A bar, while there is something to draw, and the line beside it, in at most `width` columns. What there is no room for
 * goes in this order: the width of the bar, words, the bar, the end of `what`; the figures stay.
 */
export function barLine(
  what: string,
  progress: Progress | null,
  seconds: number,
  width: number,
  draw: (barsize: number) => string,
): string {
  const { words, figures, hasBar } = partsOf(progress, seconds);
  const least = hasBar ? narrowestBar + 1 : 0;
  const fits = (text: string, room: number) => stringWidth(`${what}${text}${figures}`) <= room;
  const shortest = words.at(-1) as string;
  const withBar = words.find((text) => fits(text, width - least));
  const withoutBar = fits(shortest, width) ? shortest : undefined;
  if (withBar === undefined && withoutBar !== undefined) return `${what}${withoutBar}${figures}`;
  const text = `${withBar ?? shortest}${figures}`;
  const room = width - stringWidth(text);
  // A long name must be cut anyway: with a bar, if enough of it is left.
  const barred = hasBar && (withBar !== undefined || room - least >= shortestName);
  const name = shorten(what, Math.max(1, room - (barred ? least : 0)));
  const barsize = Math.min(widestBar, room - stringWidth(name) - 1);
  return shorten(`${barred ? `${draw(barsize)} ` : ''}${name}${text}`, width);
}

interface Parts {
  /** What stands between the name and the figures, the longest first. */
  readonly words: readonly string[];
  readonly figures: string;
  readonly hasBar: boolean;
}

function partsOf(progress: Progress | null, seconds: number): Parts {
  if (progress === null || progress.phase === 'extracting') {
    const words = [': comparing the rows with what was delivered, ', ': comparing, '];
    return { words, figures: `${duration(seconds)} so far`, hasBar: false };
  }
  const { settled, total, rowsPerSecond } = progress;
  if (total === 0) return { words: [': '], figures: 'nothing changed', hasBar: false };
  const [done, all] = [count(settled), count(total)];
  const percent = `${Math.floor((settled / total) * 100)} %`;
  const left = rowsPerSecond > 0 ? `, ${duration((total - settled) / rowsPerSecond)} left` : '';
  return {
    words: [`: ${done} of ${all} changes (${percent}), `, `: ${done} of ${all} (${percent}), `, `: ${percent}, `],
    figures: `${count(rowsPerSecond)} rows/s${left}`,
    hasBar: true,
  };
}
