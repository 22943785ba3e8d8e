/** The check before rights are given, changed or taken away. */
import { MillraceError } from '../base/errors.ts';
import type { Actor } from './audit.ts';
import { type Grant, mayGive } from './roles.ts';

/** Error: `grant_exceeded`. */
export function checkGiving({ grant }: Actor, given: Grant): void {
  if (grant === undefined || mayGive(grant, given)) return;
  throw new MillraceError('grant_exceeded', 'Nobody gives, changes or takes away rights that they do not have.');
}
