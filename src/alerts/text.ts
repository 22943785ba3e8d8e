/** A notice in lines, for mail, chat and terminals. Pure. */
import type { Notice } from './notices.ts';

export function subjectOf({ phase, what }: Pick<Notice, 'phase' | 'what'>): string {
  const words = { opened: 'Alert', resolved: 'Resolved', test: 'Test' } as const;
  return `[Millrace] ${words[phase]}: ${what}`;
}

/**
 * Label and text, the parts that say nothing left out.
 * @param url of its page, when it is known
 */
export function linesOf(notice: Notice, url: string | null): readonly (readonly [string, string])[] {
  const { what, why, help, mapping, syncId, counts, path, alert, createdAt } = notice;
  const lines: readonly (readonly [string, string | null])[] = [
    ['What happened', what],
    ['Why', why],
    ['What to do', help],
    ['Mapping', mapping],
    ['Sync', syncId],
    ['Rows', counts === null ? null : countsText(counts)],
    ['Where', url ?? path],
    ['Alert', alert],
    ['When', createdAt.toISOString()],
  ];
  return lines.filter((line): line is readonly [string, string] => line[1] !== null);
}

/** Zeros only of what is always of interest. */
function countsText(counts: Readonly<Record<string, number>>): string {
  const said = ['delivered', 'refused'];
  return Object.entries(counts)
    .filter(([name, value]) => value > 0 || said.includes(name))
    .map(([name, value]) => `${words[name] ?? name} ${value}`)
    .join(', ');
}

const words: Readonly<Record<string, string>> = { givenUp: 'given up' };
