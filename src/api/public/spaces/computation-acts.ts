/**
 * What audiences and computed traits have in common: one is found, made, changed, deleted. Promised: each change leaves an
 * event in the audit trail, with the parts that changed and without what they say; a change of nothing leaves none.
 */
import {
  type Computation,
  type ComputationKind,
  changeComputation,
  createComputation,
  deleteComputation,
  findComputation,
} from '../../../audience/audience.ts';
import type { Transaction } from '../../../db/db.ts';
import { type Power, recordAudit, type Space } from '../../../workspace/workspace.ts';
import { isRefusal, notFound, type PublicRefusal } from '../errors.ts';
import type { PublicApiDeps } from '../public.ts';
import { actorOf, type PublicAnswer, type PublicRequest } from '../route.ts';
import { readChange, readNewComputation, refusalFor } from './computation-input.ts';
import { spaceOrRefusal } from './find-space.ts';

/** Audiences, or computed traits. */
export interface Family {
  readonly kind: ComputationKind;
  /** As errors and the audit trail call one. */
  readonly one: { readonly error: string; readonly audit: string };
  /** The key of one in an answer. */
  readonly key: string;
  /** How one that was made or changed looks to who asked. */
  readonly body: (space: Space, computation: Computation, request: PublicRequest) => object;
}

export interface Found {
  readonly space: Space;
  readonly computation: Computation;
}

export async function findOne(
  { db }: PublicApiDeps,
  { kind, one }: Family,
  { params, grant }: PublicRequest,
  power: Power,
): Promise<Found | PublicRefusal> {
  const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, power);
  if (isRefusal(space)) return space;
  const id = params.id as string;
  const computation = await findComputation(db.pool, space.no, kind, id);
  return computation === null ? notFound(one.error, id) : { space, computation };
}

export async function createOne(
  deps: PublicApiDeps,
  family: Family,
  request: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const { params, body, grant } = request;
  const space = await spaceOrRefusal(deps.db.pool, params.spaceId as string, grant, 'audience:admin');
  if (isRefusal(space)) return space;
  const given = readNewComputation(family.kind, body);
  if (isRefusal(given)) return given;
  const wanted = { ...given, kind: family.kind };
  const made = await createComputation(deps, space.no, wanted, grant.tokenName, (tx, one) =>
    note(tx, family, 'Created', one, request),
  );
  return made.kind === 'refused' ? refusalFor(made) : { data: { [family.key]: family.body(space, made, request) } };
}

export async function changeOne(
  deps: PublicApiDeps,
  family: Family,
  request: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const found = await findOne(deps, family, request, 'audience:admin');
  if (isRefusal(found)) return found;
  const { space, computation } = found;
  const change = readChange(computation, request.body);
  if (isRefusal(change)) return change;
  const done = await changeComputation(deps, computation, change, request.grant.tokenName, (tx, it) =>
    note(tx, family, 'Modified', it.computation, request, it.changed),
  );
  // Deleted since it was found.
  if (done === null) return notFound(family.one.error, computation.id);
  if (done.kind === 'refused') return refusalFor(done);
  return { data: { [family.key]: family.body(space, done.computation, request) } };
}

export async function deleteOne(
  deps: PublicApiDeps,
  family: Family,
  request: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const found = await findOne(deps, family, request, 'audience:admin');
  if (isRefusal(found)) return found;
  const { computation } = found;
  const done = await deleteComputation(deps, computation, request.grant.tokenName, (tx, one) =>
    note(tx, family, 'Deleted', one, request),
  );
  if (done === null) return notFound(family.one.error, computation.id);
  return done.kind === 'refused' ? refusalFor(done) : { data: { status: 'SUCCESS' } };
}

const fields: Readonly<Record<string, string>> = { query: 'definition.query' };

function note(
  tx: Transaction,
  { kind, one }: Family,
  what: 'Created' | 'Modified' | 'Deleted',
  { id, name }: Computation,
  { grant }: PublicRequest,
  changed: readonly string[] = [],
): Promise<void> {
  return recordAudit(tx, actorOf(grant), [
    {
      ...{ type: `${one.audit} ${what}`, resourceType: kind, resourceId: id, resourceName: name },
      changed: changed.map((path) => fields[path] ?? path),
    },
  ]);
}
