/**
 * `/spaces/{spaceId}/tokens`: who may read the profiles of a space (Profile API). Promised: a secret is in one answer, the one to
 * making it; a revoked token stays in the list.
 */
import { z } from 'zod';
import { isMillraceError } from '../../../base/errors.ts';
import { createToken, listTokens, recordAudit, revokeToken, type Token } from '../../../workspace/workspace.ts';
import { readBody, text } from '../body.ts';
import { type InputFault, inputInvalid, isRefusal, notFound, type PublicRefusal } from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { spaceOrRefusal } from './find-space.ts';

export function spaceTokenRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const url = '/spaces/:spaceId/tokens';
  const changing = { versions: ['alpha'], needs: 'space:admin' } as const;
  return [
    {
      ...{ method: 'GET', url, versions: ['alpha'], needs: 'space:read' },
      async handle({ params, query, grant }) {
        const space = await spaceOrRefusal(deps.db.pool, params.spaceId as string, grant, 'space:read');
        if (isRefusal(space)) return space;
        return listPage('tokens', (await listTokens(deps.db.pool, space.id)).map(tokenBody), query);
      },
    },
    { ...{ method: 'POST', url, ...changing, status: 201 }, handle: (request) => create(deps, request) },
    { ...{ method: 'DELETE', url: `${url}/:tokenId`, ...changing }, handle: (request) => revoke(deps, request) },
  ];
}

function tokenBody({ id, name, createdAt, revokedAt }: Token) {
  return { id, name, createdAt: createdAt.toISOString(), revokedAt: revokedAt?.toISOString() ?? null };
}

const newToken = z.object({ name: text(100) });

async function create(
  { db }: PublicApiDeps,
  { params, body, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, 'space:admin');
  if (isRefusal(space)) return space;
  const faults: InputFault[] = [];
  const given = readBody(newToken, body, faults);
  if (given === null) return inputInvalid(faults);
  try {
    return await db.transaction(async (tx) => {
      const { id, secret } = await createToken(tx, space.id, given.name);
      await recordAudit(tx, actorOf(grant), [noteOf('Access Token Created', id, given.name)]);
      const made = (await listTokens(tx, space.id)).find((token) => token.id === id) as Token;
      return { data: { token: { ...tokenBody(made), secret } } };
    });
  } catch (error) {
    if (!isMillraceError(error, 'name_invalid')) throw error;
    return inputInvalid([{ field: 'name', message: '"name" must be text on one line' }]);
  }
}

async function revoke({ db }: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, 'space:admin');
  if (isRefusal(space)) return space;
  const id = params.tokenId as string;
  return db.transaction(async (tx) => {
    const isOurs = (await listTokens(tx, space.id)).some((token) => token.id === id);
    if (!isOurs) return notFound('Token', id);
    const { name, wasRevoked } = await revokeToken(tx, id);
    if (!wasRevoked) await recordAudit(tx, actorOf(grant), [noteOf('Access Token Revoked', id, name)]);
    return { data: { status: 'SUCCESS' } };
  });
}

function actorOf({ tokenId, tokenName }: PublicRequest['grant']) {
  return { id: tokenId, name: tokenName };
}

function noteOf(type: string, resourceId: string, resourceName: string) {
  return { type, resourceType: 'token', resourceId, resourceName };
}
