import { describe, expect, test } from 'vitest';
import { createGate } from './gate.ts';

const start = 1_000_000;

/** What a gate says to so many at once; `-n` for "come again in n seconds". */
function enter(gate: ReturnType<typeof createGate>, count: number, nowMs: number): readonly number[] {
  return Array.from({ length: count }, () => {
    const entry = gate.enter(nowMs);
    return 'refused' in entry ? -entry.refused : entry.waitMs;
  });
}

describe('the gate', () => {
  test("lets a second's worth in at once, lets two more wait in order, and refuses the rest", () => {
    const said = enter(createGate(10), 40, start);
    expect(said.slice(0, 10)).toEqual(Array(10).fill(0));
    const waits = said.slice(10).filter((ms) => ms >= 0);
    expect(waits.length).toBeGreaterThanOrEqual(20);
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_000);
    expect(said.at(-1)).toBe(-1);
  });

  test('a refused request takes nothing', () => {
    const gate = createGate(10);
    enter(gate, 500, start);
    expect(enter(gate, 2, start + 100)).toEqual([2_000, -1]);
  });

  test("fills up again with time, to a second's worth at most", () => {
    const gate = createGate(10);
    enter(gate, 10, start);
    const said = enter(gate, 12, start + 60_000);
    expect(said.slice(0, 10)).toEqual(Array(10).fill(0));
    expect(said[11]).toBeGreaterThan(0);
  });

  test('zero switches it off', () => {
    expect(enter(createGate(0), 5_000, start)).toEqual(Array(5_000).fill(0));
  });
});
