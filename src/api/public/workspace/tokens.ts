/**
 * `/tokens`: tokens of the workspace, beyond the vendor's API (alpha). Promised: a secret is in the answer that makes it and
 * nowhere else; no token may do more than whoever makes it.
 */
import { z } from 'zod';
import { endToken, grantToken, listTokens, type Token } from '../../../workspace/workspace.ts';
import { readBody, text } from '../body.ts';
import { type InputFault, inputInvalid, isRefusal, notFound, type PublicRefusal } from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { giverOf, giving } from './giving.ts';
import { permissionInput, permissionsOf, readGrant } from './permission-bodies.ts';

export function tokenRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const common = { versions: ['alpha'], needs: 'workspace:admin' } as const;
  return [
    {
      ...{ method: 'GET', url: '/tokens', ...common },
      handle: async ({ query }) => listPage('tokens', (await ofWorkspace(deps)).map(tokenBody), query),
    },
    { ...{ method: 'POST', url: '/tokens', ...common, status: 201 }, handle: (request) => create(deps, request) },
    { ...{ method: 'DELETE', url: '/tokens/:tokenId', ...common }, handle: (request) => revoke(deps, request) },
  ];
}

async function ofWorkspace({ db }: PublicApiDeps): Promise<readonly Token[]> {
  return (await listTokens(db.pool)).filter(({ spaceId }) => spaceId === null);
}

function tokenBody({ id, name, role, permissions, createdAt, usedAt, revokedAt }: Token) {
  return {
    id,
    name,
    permissions: permissionsOf({ role: role ?? 'member', permissions }),
    createdAt,
    usedAt,
    revokedAt,
  };
}

const newToken = z.object({ name: text(100), permissions: z.array(permissionInput).min(1).max(100) });

async function create(deps: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readBody(newToken, body, faults);
  if (wanted === null) return inputInvalid(faults);
  const given = await readGrant(deps, wanted.permissions, 'permissions', faults);
  if (faults.length > 0) return inputInvalid(faults);
  const made = await giving(() => grantToken(deps.db, giverOf(grant), wanted.name.trim(), given));
  if (isRefusal(made)) return made;
  const token = (await ofWorkspace(deps)).find(({ id }) => id === made.id) as Token;
  return { data: { token: { ...tokenBody(token), secret: made.secret } } };
}

async function revoke(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const id = params.tokenId as string;
  if (!(await ofWorkspace(deps)).some((one) => one.id === id)) return notFound('Token', id);
  const ended = await giving(() => endToken(deps.db, giverOf(grant), id));
  return isRefusal(ended) ? ended : { data: { status: 'SUCCESS' } };
}
