import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import type { Progress } from '../sync/sync.ts';
import { barLine, progressLine } from './progress.ts';

const loading = (settled: number, rowsPerSecond: number, total = 100_000): Progress => ({
  phase: 'loading',
  extracted: total,
  settled,
  delivered: settled,
  total,
  rowsPerSecond,
});
const draw = (size: number) => '#'.repeat(size);
const drawn = (what: string, progress: Progress | null, columns: number) =>
  barLine(what, progress, 12, columns - 1, draw);

describe('the line of a bar', () => {
  test.each([200, 120, 80, 60])('shows rows per second and the time left on %d columns', (columns) => {
    for (const name of [
      'people',
      'customers-identify',
      'orders-of-the-last-year-track',
      'x'.repeat(100),
      '顧客'.repeat(20),
    ]) {
      for (const progress of [loading(40_000, 31_000), loading(1_234_567, 1_987, 12_345_678)]) {
        const line = drawn(`Syncing ${name}`, progress, columns);
        expect(line).toMatch(/ [\d,]+ rows\/s, (\d+(\.\d)? s|\d+ min \d\d s|\d h \d\d min) left$/);
        expect(line).toMatch(/Syncing /);
        expect(line).toMatch(/\d+ %/);
        expect(stringWidth(line)).toBeLessThan(columns);
      }
    }
  });

  test('takes from the bar first, then from the words, then from the name', () => {
    const progress = loading(40_000, 31_000);
    const line = (what: string, columns: number) => drawn(what, progress, columns);
    const full = 'Syncing people: 40,000 of 100,000 changes (40 %), 31,000 rows/s, 1.9 s left';
    expect(line('Syncing people', 120)).toBe(`${draw(24)} ${full}`);
    expect(line('Syncing people', 90)).toBe(`${draw(13)} ${full}`);
    expect(line('Syncing people', 80)).toBe(
      `${draw(11)} Syncing people: 40,000 of 100,000 (40 %), 31,000 rows/s, 1.9 s left`,
    );
    expect(line('Syncing people', 60)).toBe(`${draw(11)} Syncing people: 40 %, 31,000 rows/s, 1.9 s left`);
    expect(line(`Syncing ${'x'.repeat(60)}`, 80)).toBe(
      `${draw(8)} Syncing ${'x'.repeat(28)}…: 40 %, 31,000 rows/s, 1.9 s left`,
    );
    expect(line('Syncing customers-identify', 60)).toBe(`Syncing customers-identify: 40 %, 31,000 rows/s, 1.9 s left`);
  });

  test('has no bar while the rows are compared, and never runs over', () => {
    expect(drawn('Syncing people', null, 80)).toBe(
      'Syncing people: comparing the rows with what was delivered, 12 s so far',
    );
    expect(drawn('Planning customers-identify', null, 60)).toBe('Planning customers-identify: comparing, 12 s so far');
    expect(drawn('Syncing people', loading(0, 0, 0), 80)).toBe('Syncing people: nothing changed');
    for (const columns of [40, 20, 5, 2]) {
      expect(stringWidth(drawn('Syncing people', loading(1, 10), columns))).toBeLessThan(columns);
    }
  });
});

test('without a terminal, the whole line', () => {
  expect(progressLine(`Syncing ${'x'.repeat(100)}`, loading(40_000, 31_000), 3)).toBe(
    `Syncing ${'x'.repeat(100)}: 40,000 of 100,000 changes (40 %), 31,000 rows/s, 1.9 s left`,
  );
});
