/** Names for "did you mean": those few edits away from what was written, or that hold it. */

const mostSuggestions = 3;

/** The known names closest to `name`, nearest first, at most three. */
export function nearNames(name: string, known: Iterable<string>): readonly string[] {
  const wanted = name.toLowerCase();
  const reach = Math.max(1, Math.floor(wanted.length / 3));
  return [...new Set(known)]
    .map((candidate) => ({ candidate, distance: closeness(wanted, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= reach)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, mostSuggestions)
    .map(({ candidate }) => candidate);
}

/** ` Did you mean "a" or "b"?`, or the whole list when it is short, or nothing. Begins with a space. */
export function suggestion(name: string, known: Iterable<string>): string {
  const all = [...new Set(known)].sort();
  const near = nearNames(name, all);
  if (near.length > 0) return ` Did you mean ${orList(near)}?`;
  if (all.length > 0 && all.length <= 12) return ` There is ${all.map((one) => `"${one}"`).join(', ')}.`;
  return '';
}

function orList(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  return quoted.length === 1 ? (quoted[0] as string) : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}

function closeness(wanted: string, candidate: string): number {
  if (wanted.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate))) return 1;
  return editDistance(wanted, candidate);
}

/** Optimal string alignment: insertions, deletions, substitutions, and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + substitution);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
