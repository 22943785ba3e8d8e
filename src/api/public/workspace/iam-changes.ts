/**
 * People who are invited, changed and removed: the vendor's routes, and beyond them (alpha) the list with everybody in it
 * and links for a new password. Promised: nobody gives, changes or takes away what they may not do themselves; a link is
 * in the answer that makes it and nowhere else.
 */
import { z } from 'zod';
import {
  changeGrant,
  findPerson,
  type Grant,
  type Invited,
  invitePeople,
  listPeople,
  type Person,
  removePeople,
  resetPassword,
} from '../../../workspace/workspace.ts';
import { readBody, text } from '../body.ts';
import { type InputFault, inputInvalid, isRefusal, notFound, type PublicRefusal } from '../errors.ts';
import { javaGeneration } from '../generations.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { Query } from '../query.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { giverOf, giving } from './giving.ts';
import { permissionInput, permissionsOf, readGrant } from './permission-bodies.ts';

export function iamChangeRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const changing = { versions: allVersions, needs: 'workspace:admin', perMinute: 60 } as const;
  const ours = { versions: ['alpha'], needs: 'workspace:admin' } as const;
  return [
    { ...{ method: 'POST', url: '/invites', ...changing, status: 201 }, handle: (request) => invite(deps, request) },
    {
      ...{ method: 'DELETE', url: '/invites', ...changing },
      handle: (request) => remove(deps, request, 'emails', ({ hasPassword }) => !hasPassword),
    },
    {
      ...{ method: 'DELETE', url: '/users', ...changing },
      handle: (request) => remove(deps, request, 'userIds', () => true),
    },
    {
      ...{ method: 'POST', url: '/users/:userId/permissions', ...changing },
      handle: (request) => permit(deps, request, 'add'),
    },
    {
      ...{ method: 'PUT', url: '/users/:userId/permissions', ...changing },
      handle: (request) => permit(deps, request, 'replace'),
    },
    {
      ...{ method: 'GET', url: '/people', ...ours },
      handle: async ({ query }) => listPage('people', (await listPeople(deps.db.pool)).map(personBody), query),
    },
    { ...{ method: 'POST', url: '/people/:userId/link', ...ours }, handle: (request) => newLink(deps, request) },
  ];
}

function personBody({ id, email, name, hasPassword, createdAt, ...grant }: Person) {
  return { id, email, name, hasPassword, createdAt, permissions: permissionsOf(grant) };
}

/** Below the address of the web app. */
function linkBody({ person, secret, expiresAt }: Invited) {
  return { email: person.email, path: `/links/${secret}`, expiresAt };
}

const newInvites = z.object({
  invites: z
    .array(z.object({ email: text(), permissions: z.array(permissionInput).max(100).default([]) }))
    .min(1)
    .max(100),
});

async function invite(deps: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const { body, grant, headers } = request;
  const faults: InputFault[] = [];
  const wanted = readBody(newInvites, body, faults);
  if (wanted === null) return inputInvalid(faults);
  const invitations: (Grant & { email: string })[] = [];
  for (const [at, { email, permissions }] of wanted.invites.entries()) {
    const given = await readGrant(deps, permissions, `invites.${at}.permissions`, faults);
    invitations.push({ email, ...given });
  }
  if (faults.length > 0) return inputInvalid(faults);
  const work = () => invitePeople(deps.db, giverOf(grant), invitations, deps.clock.now());
  const invited = await giving(work, 'invites.0.email');
  if (isRefusal(invited)) return invited;
  const emails = invited.map(({ person }) => person.email);
  // Java clients refuse keys that they do not know.
  const isStrict = javaGeneration(String(headers['user-agent'] ?? '')) !== null;
  return { data: isStrict ? { emails } : { emails, links: invited.map(linkBody) } };
}

async function remove(
  deps: PublicApiDeps,
  { query, grant }: PublicRequest,
  name: 'emails' | 'userIds',
  isMeant: (person: Person) => boolean,
): Promise<PublicAnswer | PublicRefusal> {
  const named = namesOf(query, name);
  if (named.length === 0) return inputInvalid([{ field: name, message: `"${name}" is required` }]);
  const people = await listPeople(deps.db.pool);
  const found: Person[] = [];
  for (const one of named) {
    const person = people.find(({ id, email }) =>
      name === 'userIds' ? id === one : email.toLowerCase() === one.toLowerCase(),
    );
    if (person === undefined || !isMeant(person)) return notFound(name === 'userIds' ? 'User' : 'Invite', one);
    found.push(person);
  }
  const ids = found.map(({ id }) => id);
  const removed = await giving(() => removePeople(deps.db, giverOf(grant), ids));
  return isRefusal(removed) ? removed : { data: { status: 'SUCCESS' } };
}

const namesOf = (query: Query, name: string): readonly string[] => [...new Set(query.list(name) ?? [])];

const newPermissions = z.object({ permissions: z.array(permissionInput).min(1).max(100) });

async function permit(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
  how: 'add' | 'replace',
): Promise<PublicAnswer | PublicRefusal> {
  const person = await personAt(deps, params.userId as string);
  if (isRefusal(person)) return person;
  const faults: InputFault[] = [];
  const wanted = readBody(newPermissions, body, faults);
  if (wanted === null) return inputInvalid(faults);
  const given = await readGrant(deps, wanted.permissions, 'permissions', faults);
  if (faults.length > 0) return inputInvalid(faults);
  const next = how === 'add' ? together(person, given) : given;
  const changed = await giving(() => changeGrant(deps.db, giverOf(grant), person.id, next));
  return isRefusal(changed) ? changed : { data: { permissions: permissionsOf(changed) } };
}

function together(before: Grant, more: Grant): Grant {
  if (before.role === 'owner' || more.role === 'owner') return { role: 'owner', permissions: [] };
  return { role: 'member', permissions: [...before.permissions, ...more.permissions] };
}

async function newLink(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const person = await personAt(deps, params.userId as string);
  if (isRefusal(person)) return person;
  const made = await giving(() => resetPassword(deps.db, giverOf(grant), person.id, deps.clock.now()));
  return isRefusal(made) ? made : { data: { link: linkBody(made) } };
}

/** Also somebody who was invited and has not come yet. */
async function personAt({ db }: PublicApiDeps, id: string): Promise<Person | PublicRefusal> {
  const isThere = (await listPeople(db.pool)).some((one) => one.id === id);
  return isThere ? findPerson(db.pool, id) : notFound('User', id);
}
