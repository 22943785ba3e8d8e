/** `person list`, `invite`, `roles`, `remove`, `reset-password`: who may sign in to the web app. */
import type { Config } from '../base/config.ts';
import { MillraceError } from '../base/errors.ts';
import {
  changeGrant,
  commandLine,
  type Grant,
  type Invited,
  invitePerson,
  listPeople,
  type Person,
  type RoleSlug,
  removePerson,
  resetPassword,
} from '../workspace/workspace.ts';
import { serverAddress } from './address.ts';
import { argument, type Command, type CommandInput, flag, listOption } from './command.ts';
import type { CliContext } from './context.ts';
import { confirm } from './question.ts';
import { paragraphs, printable, table, time } from './text.ts';
import { grantOf, grantText, placeWords } from './token-roles.ts';

const person = { name: 'EMAIL', description: 'e-mail address or id of a person', required: true };
/** Sees everything that a newcomer looks for, and changes nothing. */
const usualRoles: readonly RoleSlug[] = ['source-read-only', 'unify-and-engage-read-only'];

const role = {
  flags: '--role <ROLE>',
  description: `what they may do; may be repeated, or a list with commas; ${placeWords}`,
  repeatable: true,
};
const places = [
  {
    flags: '--source <SOURCE>',
    description: 'id or name of a source where their roles about sources hold',
    repeatable: true,
    defaultText: 'all',
  },
  {
    flags: '--space <SPACE>',
    description: 'id or name of a space where their roles about spaces hold',
    repeatable: true,
    defaultText: 'all',
  },
];

/** Where a link leads. It says nothing about whom it is for. */
export function linkAddress(config: Config, secret: string, url = serverAddress(config)): string {
  return `${(config.publicUrl ?? url).replace(/\/$/, '')}/links/${secret}`;
}

export const personListCommand: Command = {
  name: 'person list',
  description: 'List the people who may sign in to the web app, and what they may do.',
  arguments: [],
  options: [],
  examples: ['millrace person list'],
  async run(context) {
    const people = await listPeople((await context.database()).pool);
    const rows = people.map((one) => [
      one.email,
      one.name,
      grantText(one),
      one.hasPassword ? '' : 'waits for its link to be followed',
      time(one.createdAt),
    ]);
    const columns = ['e-mail', 'name', 'roles', '', 'since'].map((title) => ({ title, most: 60 }));
    const none = 'There are no people yet. millrace start prints a link for the first one.';
    return { document: { people: people.map(documentOf) }, text: people.length === 0 ? none : table(columns, rows) };
  },
};

export const personInviteCommand: Command = {
  name: 'person invite',
  description: 'Let somebody sign in to the web app: makes a link, good once and for 24 hours.',
  arguments: [{ name: 'EMAIL', description: 'their e-mail address', required: true }],
  options: [{ ...role, defaultText: usualRoles.join(', ') }, ...places],
  examples: [
    'millrace person invite jane@example.com --role workspace-owner',
    'millrace person invite jane@example.com --role source-admin,unify-and-engage-read-only',
    'millrace person invite jane@example.com --role source-admin@label:team=web',
  ],
  async run(context, input) {
    const grant = await grantFor(context, input, usualRoles);
    const email = argument(input, 'EMAIL');
    const now = context.clock.now();
    const invited = await invitePerson(await context.database(), commandLine, { email, ...grant }, now);
    return linkReport(context.config, invited, `${printable(email)} is invited as ${grantText(grant)}.`);
  },
};

export const personRolesCommand: Command = {
  name: 'person roles',
  description: 'Change what a person may do, in the place of what they may do now; it holds from their next request.',
  arguments: [person],
  options: [role, ...places],
  examples: ['millrace person roles jane@example.com --role source-admin --source shop'],
  async run(context, input) {
    if (listOption(input, 'role').length === 0) throw new MillraceError('usage', 'Say which roles: --role ROLE.');
    const grant = await grantFor(context, input, []);
    const changed = await changeGrant(await context.database(), commandLine, argument(input, 'EMAIL'), grant);
    const text = `${printable(changed.email)} has these roles now: ${grantText(changed)}.`;
    return { document: { person: documentOf(changed) }, text };
  },
};

export const personRemoveCommand: Command = {
  name: 'person remove',
  description: 'Remove a person; they are signed out at once.',
  arguments: [person],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: ['millrace person remove jane@example.com --yes'],
  async run(context, input) {
    const asked = argument(input, 'EMAIL');
    const db = await context.database();
    if (!flag(input, 'yes') && !(await confirm(context, `Remove ${printable(asked)} and end their sessions?`))) {
      throw new MillraceError('not_confirmed', 'Nobody was removed.');
    }
    const { id, email } = await removePerson(db, commandLine, asked);
    return { document: { id, email, removed: true }, text: `${printable(email)} is removed and signed out.` };
  },
};

export const personResetPasswordCommand: Command = {
  name: 'person reset-password',
  description: 'Make a password void, end all sessions of its person, and make a link that sets another one.',
  arguments: [person],
  options: [],
  examples: ['millrace person reset-password jane@example.com'],
  async run(context, input) {
    const db = await context.database();
    const reset = await resetPassword(db, commandLine, argument(input, 'EMAIL'), context.clock.now());
    const { email } = reset.person;
    return linkReport(context.config, reset, `The password of ${printable(email)} is void, and they are signed out.`);
  },
};

function linkReport(config: Config, { person: invited, secret, expiresAt }: Invited, what: string) {
  const link = linkAddress(config, secret);
  const text = paragraphs(
    what,
    `  ${link}`,
    `Give them this link. It is shown only now, and good once, until ${time(expiresAt)}.`,
    'Next: millrace start serves the web app; --public-url says where browsers reach it.',
  );
  return { document: { person: documentOf(invited), link, expiresAt }, text };
}

/** Errors: `usage`, `not_found`. */
async function grantFor(context: CliContext, input: CommandInput, usual: readonly RoleSlug[]): Promise<Grant> {
  const given = listOption(input, 'role');
  const words = [...new Set(given.length === 0 ? usual : given)];
  const [sources, spaces] = [listOption(input, 'source'), listOption(input, 'space')];
  return grantOf(await context.store(), { roles: words, sources, spaces });
}

function rolesOf({ role, permissions }: Grant): readonly RoleSlug[] {
  return role === 'owner' ? ['workspace-owner'] : permissions.map((permission) => permission.role);
}

function documentOf({ id, email, name, hasPassword, createdAt, ...grant }: Person) {
  return { id, email, name, roles: rolesOf(grant), hasPassword, createdAt };
}
