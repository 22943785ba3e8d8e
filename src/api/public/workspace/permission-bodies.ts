/**
 * What somebody may do, as the vendor writes it: `{ roleId, resources: [{ id, type, labels? }] }`. In: what is given or
 * asked for. Out: the same on the wire, or a grant. A role that holds everywhere is one at the workspace.
 */
import { z } from 'zod';
import {
  type Grant,
  isRole,
  type LabelRef,
  listLabels,
  type Permission,
  type ResourceRef,
  type RoleSlug,
  roles,
} from '../../../workspace/workspace.ts';
import { text } from '../body.ts';
import { readConfig } from '../config.ts';
import type { InputFault } from '../errors.ts';
import type { PublicApiDeps } from '../public.ts';
import { workspaceId } from './workspace.ts';

/** Of an owner the one role that stands for everything. */
export function permissionsOf({ role, permissions }: Grant) {
  const given: readonly Permission[] = role === 'owner' ? [{ role: 'workspace-owner', resources: 'all' }] : permissions;
  return given.map(permissionBody);
}

function permissionBody({ role, resources }: Permission) {
  const { id: roleId, name: roleName, scope } = roles[role];
  const type = scope ?? 'WORKSPACE';
  const listed =
    resources === 'all'
      ? [{ id: workspaceId, type: 'WORKSPACE' }]
      : resources.map(({ id = workspaceId, labels }) => ({ id, type, ...(labels !== undefined && { labels }) }));
  return { roleName, roleId, resources: listed };
}

const label = z.object({ key: text(), value: text() });
export const permissionInput = z.object({
  /** The vendor's id, or our word for it: `source-admin`. */
  roleId: text(),
  resources: z
    .array(
      z.object({
        id: text().optional(),
        type: z.enum(['SOURCE', 'SPACE', 'WAREHOUSE', 'WORKSPACE', 'FUNCTION']),
        labels: z.array(label).max(100).optional(),
      }),
    )
    .max(1_000)
    .default([]),
});
type PermissionInput = z.output<typeof permissionInput>;

/** What a role can hold at. */
interface Places {
  readonly SOURCE: ReadonlySet<string>;
  readonly SPACE: ReadonlySet<string>;
  readonly labels: ReadonlySet<string>;
}

const labelKey = ({ key, value }: LabelRef) => JSON.stringify([key, value]);

async function readPlaces(deps: PublicApiDeps): Promise<Places> {
  const { sources, eventStreams, spaces } = await readConfig(deps);
  const labels = await listLabels(deps.db.pool);
  const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);
  return {
    SOURCE: new Set([...ids(sources), ...ids(eventStreams), ...ids(spaces)]),
    SPACE: new Set(ids(spaces)),
    labels: new Set(labels.map(labelKey)),
  };
}

/** Nothing but what everybody may: to see that the workspace is there. */
const least: Grant = { role: 'member', permissions: [{ role: 'minimal-access', resources: 'all' }] };

/** Adds what is wrong to `faults`; `within` is where the list stands in the body. */
export async function readGrant(
  deps: PublicApiDeps,
  wanted: readonly PermissionInput[],
  within: string,
  faults: InputFault[],
): Promise<Grant> {
  const places = await readPlaces(deps);
  const permissions = wanted.flatMap((one, at) => readPermission(one, `${within}.${at}`, places, faults));
  if (permissions.length === 0) return least;
  if (permissions.some(({ role }) => role === 'workspace-owner')) return { role: 'owner', permissions: [] };
  return { role: 'member', permissions };
}

function readPermission(
  { roleId, resources }: PermissionInput,
  here: string,
  places: Places,
  faults: InputFault[],
): readonly Permission[] {
  const fault = (field: string, what: string) => faults.push({ field, message: `"${field}" ${what}` });
  const role = slugOf(roleId);
  if (role === null) {
    fault(`${here}.roleId`, 'is no role; GET /roles lists them');
    return [];
  }
  const { scope } = roles[role];
  const isEverywhere = resources.some(({ type }) => type === 'WORKSPACE');
  if (scope === null) {
    if (resources.length > 0 && !isEverywhere)
      fault(`${here}.resources`, 'must be the workspace: the role has no parts');
    return [{ role, resources: 'all' }];
  }
  if (isEverywhere) return [{ role, resources: 'all' }];
  if (resources.length === 0) fault(`${here}.resources`, 'must say where the role holds');
  const refs = resources.flatMap(({ id, type, labels = [] }, at): ResourceRef[] => {
    const place = `${here}.resources.${at}`;
    if (type !== scope && !(scope === 'SOURCE' && type === 'WAREHOUSE')) {
      fault(`${place}.type`, `must be ${scope} or WORKSPACE`);
      return [];
    }
    if (labels.length > 0) {
      const unknown = labels.findIndex((one) => !places.labels.has(labelKey(one)));
      if (unknown >= 0) fault(`${place}.labels.${unknown}`, 'is no label of the workspace');
      return [{ labels }];
    }
    if (id !== undefined && places[scope].has(id)) return [{ id }];
    fault(`${place}.id`, `is no ${scope.toLowerCase()} of the workspace`);
    return [];
  });
  return [{ role, resources: refs }];
}

function slugOf(roleId: string): RoleSlug | null {
  if (isRole(roleId)) return roleId;
  const found = Object.entries(roles).find(([, { id }]) => id === roleId);
  return (found?.[0] as RoleSlug | undefined) ?? null;
}
