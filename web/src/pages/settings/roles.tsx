/** Roles in words, and as fields of a form: which ones, and where each holds. */
import { Badge, Checkbox, Group, MultiSelect, Radio, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ApiError } from '../../api/client.ts';
import { sourcesQuery, spacesQuery } from '../../api/queries.ts';
import { labelsQuery, type Permission, type Place, type Role, rolesQuery } from '../../api/settings.ts';
import { Loaded } from '../../parts/states.tsx';

export const ownerId = '1WDUuRLxv84rrfCNUwvkrRtkxnS';
export const sourceAdminId = 'rol_source_admin';

type Scope = 'SOURCE' | 'SPACE' | null;
/** What a role can be narrowed down to. */
function scopeOf(roleId: string): Scope {
  if (roleId.startsWith('rol_source_')) return 'SOURCE';
  return roleId.startsWith('rol_unify_') ? 'SPACE' : null;
}

/** The names of places, as far as whoever looks may know them. */
function usePlaceNames(): ReadonlyMap<string, string> {
  const { data: sources = [] } = useQuery(sourcesQuery);
  const { data: spaces = [] } = useQuery(spacesQuery);
  return new Map([...sources, ...spaces].map(({ id, name }) => [id, name]));
}

const everywhere: Place = { id: 'workspace', type: 'WORKSPACE' };
const isEverywhere = ({ resources }: Permission) => resources.some(({ type }) => type === 'WORKSPACE');
const labelText = ({ key, value }: { readonly key: string; readonly value: string }) => `${key}: ${value}`;

export function RoleWords({ permissions }: { readonly permissions: readonly Permission[] }) {
  const names = usePlaceNames();
  if (permissions.length === 0) return <Text size="sm">Nothing yet</Text>;
  const placeText = ({ id = '', labels = [] }: Place) =>
    labels.length > 0 ? labels.map(labelText).join(' or ') : (names.get(id) ?? id);
  return (
    <Stack gap={4}>
      {permissions.map((permission) => (
        <Group key={JSON.stringify(permission)} gap={6}>
          <Badge variant="light" color={permission.roleId === ownerId ? 'cyan' : 'gray'} tt="none" miw="max-content">
            {permission.roleName}
          </Badge>
          {!isEverywhere(permission) && <Text size="xs">at {permission.resources.map(placeText).join(', ')}</Text>}
        </Group>
      ))}
    </Stack>
  );
}

/** Role → everywhere, or keys of places. In the order the roles are listed. */
export type Chosen = ReadonlyMap<string, 'all' | readonly string[]>;

export const chosen = (...roleIds: readonly string[]): Chosen => new Map(roleIds.map((id) => [id, 'all']));

export function chosenOf(permissions: readonly Permission[]): Chosen {
  const made = new Map<string, 'all' | readonly string[]>();
  for (const permission of permissions) {
    const before = made.get(permission.roleId);
    if (before === 'all' || isEverywhere(permission)) made.set(permission.roleId, 'all');
    else made.set(permission.roleId, [...(before ?? []), ...permission.resources.map(keyOf)]);
  }
  return made;
}

export function permissionsOf(value: Chosen): readonly Permission[] {
  return [...value].map(([roleId, places]) => ({
    roleId,
    resources: places === 'all' ? [everywhere] : places.map((key) => placeOf(key, scopeOf(roleId))),
  }));
}

/** Whoever is given nothing could do nothing. Throws what the server would answer to a field. */
export function requireRole(value: Chosen, field: string): void {
  if (value.size > 0) return;
  throw new ApiError(422, [{ type: 'input-validation', message: 'Choose at least one role', field }]);
}

const keyOf = ({ id = '', labels = [] }: Place): string =>
  labels.length > 0 ? `labels ${JSON.stringify(labels)}` : id;

function placeOf(key: string, scope: Scope): Place {
  const type = scope ?? 'WORKSPACE';
  return key.startsWith('labels ') ? { type, labels: JSON.parse(key.slice('labels '.length)) } : { type, id: key };
}

interface FieldsProps {
  readonly label: string;
  readonly value: Chosen;
  readonly onChange: (value: Chosen) => void;
  /** What is wrong with each permission, by `PREFIX.NUMBER…`. */
  readonly faults: Readonly<Record<string, string>>;
  readonly prefix: string;
}

export function RoleFields(props: FieldsProps) {
  const query = useQuery(rolesQuery);
  return (
    <Loaded query={query} what="the roles">
      {(roles) => <Roles {...props} roles={roles} />}
    </Loaded>
  );
}

function Roles({ label, value, onChange, faults, prefix, roles }: FieldsProps & { readonly roles: readonly Role[] }) {
  const isOwner = value.has(ownerId);
  const set = (roleId: string, places: 'all' | readonly string[] | null) => {
    const next = new Map(value);
    if (places === null) next.delete(roleId);
    else next.set(roleId, places);
    onChange(new Map(roles.flatMap(({ id }) => (next.has(id) ? [[id, next.get(id) as 'all']] : []))));
  };
  const order = [...value.keys()];
  const faultOf = (roleId: string): string | undefined => {
    const here = `${prefix}.${order.indexOf(roleId)}.`;
    return Object.entries(faults).find(([field]) => field.startsWith(here))?.[1];
  };
  return (
    <Checkbox.Group
      label={label}
      description="Roles add up: each adds what it says."
      value={order}
      error={faults[prefix]}
    >
      <Stack gap="sm" mt="xs">
        {roles.map(({ id, name, description }) => {
          const places = value.get(id);
          const scope = scopeOf(id);
          return (
            <Stack key={id} gap="xs">
              <Checkbox
                value={id}
                label={name}
                description={description}
                disabled={isOwner && id !== ownerId}
                onChange={(event) => set(id, event.currentTarget.checked ? 'all' : null)}
              />
              {places !== undefined && scope !== null && !isOwner && (
                <Places
                  role={name}
                  scope={scope}
                  value={places}
                  onChange={(next) => set(id, next)}
                  fault={faultOf(id)}
                />
              )}
            </Stack>
          );
        })}
      </Stack>
    </Checkbox.Group>
  );
}

function Places({
  role,
  scope,
  value,
  onChange,
  fault,
}: {
  readonly role: string;
  readonly scope: 'SOURCE' | 'SPACE';
  readonly value: 'all' | readonly string[];
  readonly onChange: (value: 'all' | readonly string[]) => void;
  readonly fault: string | undefined;
}) {
  const { data: sources = [] } = useQuery(sourcesQuery);
  const { data: spaces = [] } = useQuery(spacesQuery);
  const { data: labels = [] } = useQuery(labelsQuery);
  const what = scope === 'SOURCE' ? 'sources' : 'spaces';
  const objects = (scope === 'SOURCE' ? sources : spaces).map(({ id, name }) => ({ value: id, label: name }));
  const stored = value === 'all' ? [] : value;
  const ofLabels = scope === 'SOURCE' ? labels.map((one) => keyOf({ type: scope, labels: [one] })) : [];
  const labelKeys = [...new Set([...ofLabels, ...stored.filter((key) => key.startsWith('labels '))])];
  const known = new Set(objects.map(({ value: id }) => id));
  const gone = stored.filter((key) => !key.startsWith('labels ') && !known.has(key));
  const data = [
    {
      group: scope === 'SOURCE' ? 'Sources' : 'Spaces',
      items: [...objects, ...gone.map((id) => ({ value: id, label: id }))],
    },
    {
      group: 'Sources with a label',
      items: labelKeys.map((key) => ({
        value: key,
        label: (placeOf(key, scope).labels ?? []).map(labelText).join(' or '),
      })),
    },
  ].filter(({ items }) => items.length > 0);
  return (
    <Stack gap="xs" pl={32}>
      <Radio.Group
        aria-label={`Where ${role} holds`}
        value={value === 'all' ? 'all' : 'some'}
        onChange={(next) => onChange(next === 'all' ? 'all' : [])}
      >
        <Group gap="lg">
          <Radio value="all" label={`All ${what}`} />
          <Radio value="some" label={`Only some ${what}`} />
        </Group>
      </Radio.Group>
      {value !== 'all' && (
        <MultiSelect
          aria-label={`Which ${what} ${role} holds at`}
          placeholder={value.length === 0 ? `Choose ${what}` : ''}
          data={data}
          value={[...value]}
          error={fault}
          searchable
          onChange={onChange}
        />
      )}
    </Stack>
  );
}
