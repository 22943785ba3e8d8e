/** `docs/permissions.md`, made from the routes and the roles as they are: what each route takes, and what each role gives. */
import { type Power, powers, roles } from '../../workspace/workspace.ts';
import type { PublicRoute } from './route.ts';
import { routesAsData } from './routes.ts';

type RouteData = Omit<PublicRoute, 'handle'>;

export function permissionsPage(): string {
  const names = Object.keys(powers) as Power[];
  const lines = [
    '# Permissions',
    '',
    '<!-- Made by `npm run docs` from the routes of the Public API and the table of roles. Edits are overwritten. -->',
    '',
    'A token of the workspace is the owner’s, or has roles; several add up. Every route of the [Public API](public-api.md) takes',
    'one power. A role about sources or spaces holds at all of them, or at those that the token lists. Whoever lacks the power is',
    'answered 401; lists leave out what a token may not see. `writeKeys` of a source are empty without `source:admin` there.',
    '',
    '**Two sides.** A mapping connects a source with a profile space, so it takes `source:admin` at the source, and at the space either',
    '`space:admin` or `source:admin` at the source that stands for it (its id is that of the space). A space that rows name may be',
    'any, so it takes all of them. Whoever lacks that still sees and edits mappings that others have connected; in the place of the',
    'write key there is the id of the space. The write key of a space elsewhere is shown to those who may change the mapping.',
    '',
    '```sh',
    '# The team of one warehouse, which also connects it to one space:',
    'millrace token create --workspace --role source-admin --source shop --source spa_… "shop team"',
    '# The setting segment_papi_token of another server, which lists all spaces of this one:',
    'millrace token create --workspace --role source-admin "profiles destination"',
    '```',
    '',
    '## Powers',
    '',
    '| power | lets |',
    '|---|---|',
    ...names.map((power) => `| \`${power}\` | ${powers[power]} |`),
    '',
    '## Roles',
    '',
    `| role | holds at | ${names.map((power) => `\`${power}\``).join(' | ')} |`,
    `|---|---|${names.map(() => ':-:|').join('')}`,
    ...Object.entries(roles).map(([slug, role]) => {
      const given: readonly Power[] = role.powers;
      const place = { SOURCE: 'sources', SPACE: 'spaces', none: 'the workspace' }[role.scope ?? 'none'];
      return `| \`${slug}\` | ${place} | ${names.map((power) => (given.includes(power) ? 'yes' : '')).join(' | ')} |`;
    }),
    '',
    '## Routes',
    '',
    'Where a route is about one source or one space, the role must hold there. Models, destinations, subscriptions and syncs belong',
    'to their source.',
    '',
    '| route | power | about | versions |',
    '|---|---|---|---|',
    ...routesAsData().map(
      (route) =>
        `| \`${route.method} ${shownPath(route.url)}\` | \`${route.needs}\` | ${subject(route)} | ${route.versions.join(', ')} |`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** `/sources/:sourceId`: `/sources/{sourceId}`. */
function shownPath(url: string): string {
  return url.replace(/:(\w+)/g, '{$1}');
}

function subject({ url, needs }: RouteData): string {
  if (/:(?:source|model|destination)Id\b/.test(url) && needs.startsWith('source:')) return 'a source';
  if (url.includes(':spaceId')) return 'a space';
  return '';
}
