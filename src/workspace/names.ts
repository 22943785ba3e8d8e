/** The form of names in a workspace. */
import { MillraceError } from '../base/errors.ts';

const form = /^[a-z0-9][a-z0-9_-]{0,99}$/;

export function isName(text: string): boolean {
  return form.test(text);
}

/** Room for `-2`, `-3` … behind a name that is made. */
export const longestStem = 94;

/** Letters that are no plain letter with a mark, and how they are usually written without them. */
const spelled: Readonly<Record<string, string>> = {
  ...{ ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ŧ: 't', ŋ: 'ng', ı: 'i' },
};

/**
 * A name made of a title for people: `Straße 7` becomes `strasse-7`. Null when nothing is left. The form of
 * a new space shows it beforehand (`web/src/pages/unify/space-name.ts`).
 */
export function nameFrom(title: string): string | null {
  if (isName(title)) return title;
  const stem = title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, (letter) => spelled[letter] ?? '-')
    .replace(/-+/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, longestStem)
    .replace(/[-_]+$/, '');
  return isName(stem) ? stem : null;
}

/** What a name must be, as the end of a sentence. */
export const nameRule =
  'begin with a lower-case letter or a digit and go on with lower-case letters, digits, _ and -, up to 100 characters';

/** Error: `name_invalid`. */
export function checkName(kind: string, name: string): void {
  if (!isName(name)) throw new MillraceError('name_invalid', `The name of ${withArticle(kind)} must ${nameRule}.`);
}

/** `a space`, `an event stream`. */
export function withArticle(kind: string): string {
  return `${/^[aeiou]/i.test(kind) ? 'an' : 'a'} ${kind}`;
}
