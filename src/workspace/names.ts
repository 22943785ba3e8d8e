/** The form of names in a workspace. */
import { MillraceError } from '../base/errors.ts';

const form = /^[a-z0-9][a-z0-9_-]{0,99}$/;

export function isName(text: string): boolean {
  return form.test(text);
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
