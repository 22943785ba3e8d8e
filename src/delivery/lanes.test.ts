import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLanes } from './lanes.ts';

/** Work that is over when it is told to be. */
function openWork() {
  const begun: number[] = [];
  const ends = new Map<number, () => void>();
  return {
    begun,
    work: (id: number) => () => {
      begun.push(id);
      return new Promise<void>((resolve) => ends.set(id, resolve));
    },
    async end(id: number) {
      ends.get(id)?.();
      ends.delete(id);
      // Two turns of the loop: for the promises in between.
      for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    },
    running: () => [...ends.keys()],
  };
}

const names = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 2 });
const pieces = fc.array(fc.record({ names, space: fc.constantFrom('x', 'y') }), { maxLength: 12 });

test('who shares a name waits for those before, and nobody else waits', async () => {
  await fc.assert(
    fc.asyncProperty(pieces, fc.infiniteStream(fc.nat()), async (asked, choices) => {
      const lanes = createLanes();
      const { work, begun, end, running } = openWork();
      const over = new Set<number>();
      for (const [id, piece] of asked.entries()) void lanes.run(piece.space, new Set(piece.names), work(id));
      const blockedBy = (id: number) =>
        asked.flatMap((other, at) => {
          const mine = asked[id];
          const shares = other.space === mine?.space && other.names.some((name) => mine.names.includes(name));
          return at < id && shares && !over.has(at) ? [at] : [];
        });
      for (;;) {
        const free = asked.flatMap((_, id) => (blockedBy(id).length === 0 ? [id] : []));
        expect([...begun].sort((a, b) => a - b)).toEqual(free);
        const now = running();
        if (now.length === 0) break;
        const chosen = now[(choices.next().value as number) % now.length] as number;
        over.add(chosen);
        await end(chosen);
      }
      expect(begun).toHaveLength(asked.length);
    }),
    { numRuns: 200 },
  );
});

test('work that fails lets the next begin', async () => {
  const lanes = createLanes();
  const first = lanes.run('x', new Set(['a']), () => Promise.reject(new Error('no')));
  const second = lanes.run('x', new Set(['a']), async () => 'done');
  await expect(first).rejects.toThrow('no');
  expect(await second).toBe('done');
});
