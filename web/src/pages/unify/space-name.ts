/**
 * The name in files and addresses that a new space gets when none is typed. In: the name for people. Out: what the server
 * would make of it (`src/workspace/names.ts`; a test compares the two), and is asked for by that name; null when nothing can
 * be made of it, so that one has to be given.
 */

const longestStem = 94;

/** Letters that are no plain letter with a mark, and how they are usually written without them. */
const spelled: Readonly<Record<string, string>> = {
  ...{ ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ŧ: 't', ŋ: 'ng', ı: 'i' },
};

export function spaceNameOf(title: string, taken: readonly string[]): string | null {
  const wanted = nameFrom(title);
  if (wanted === null || !taken.includes(wanted)) return wanted;
  const stem = wanted.slice(0, longestStem);
  for (let no = 2; ; no++) if (!taken.includes(`${stem}-${no}`)) return `${stem}-${no}`;
}

function nameFrom(title: string): string | null {
  if (/^[a-z0-9][a-z0-9_-]{0,99}$/.test(title)) return title;
  const stem = title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, (letter) => spelled[letter] ?? '-')
    .replace(/-+/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, longestStem)
    .replace(/[-_]+$/, '');
  return stem === '' ? null : stem;
}
