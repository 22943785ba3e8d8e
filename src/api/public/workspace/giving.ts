/** Giving rights and taking them away: who acts, and what a refusal of the rule book becomes. */
import { isMillraceError } from '../../../base/errors.ts';
import type { Actor, WorkspaceGrant } from '../../../workspace/workspace.ts';
import { conflict, inputInvalid, notAllowed, type PublicRefusal } from '../errors.ts';

/** With what they may do: nobody gives more. */
export function giverOf({ tokenId: id, tokenName: name, role, permissions }: WorkspaceGrant): Actor {
  return { id, name, grant: { role, permissions } };
}

/** @param emailField where in the body the address stands that can be at fault */
export async function giving<T>(work: () => Promise<T>, emailField = 'email'): Promise<T | PublicRefusal> {
  try {
    return await work();
  } catch (error) {
    if (isMillraceError(error, 'grant_exceeded')) return notAllowed('do at least as much');
    if (isMillraceError(error, 'last_owner')) return conflict(error.message);
    if (isMillraceError(error, 'person_taken')) return conflict(error.message, emailField);
    if (isMillraceError(error, 'email_invalid')) {
      return inputInvalid([{ field: emailField, message: `"${emailField}" must be an e-mail address` }]);
    }
    if (isMillraceError(error, 'name_invalid')) {
      return inputInvalid([{ field: 'name', message: '"name" must be 1 to 100 characters of text on one line' }]);
    }
    throw error;
  }
}
