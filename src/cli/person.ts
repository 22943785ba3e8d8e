/** `person list`, `invite`, `remove`, `reset-password`: who may sign in to the web app. */
import type { Config } from '../base/config.ts';
import { MillraceError } from '../base/errors.ts';
import {
  commandLine,
  type Grant,
  type Invited,
  invitePerson,
  isRole,
  listPeople,
  type Person,
  type RoleSlug,
  removePerson,
  resetPassword,
  roles,
} from '../workspace/workspace.ts';
import { serverAddress } from './address.ts';
import { argument, type Command, flag, listOption } from './command.ts';
import { confirm } from './question.ts';
import { paragraphs, printable, table, time } from './text.ts';

const person = { name: 'EMAIL', description: 'e-mail address or id of a person', required: true };
/** Sees everything that a newcomer looks for, and changes nothing. */
const usualRoles: readonly RoleSlug[] = ['source-read-only', 'unify-and-engage-read-only'];

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
      rolesOf(one).join(', '),
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
  options: [
    {
      flags: '--role <ROLE>',
      description: 'what they may do, everywhere; may be repeated, or a list with commas',
      repeatable: true,
      defaultText: usualRoles.join(', '),
    },
  ],
  examples: [
    'millrace person invite jane@example.com --role workspace-owner',
    'millrace person invite jane@example.com --role source-admin,unify-and-engage-read-only',
  ],
  async run(context, input) {
    const grant = grantOf(listOption(input, 'role'));
    const email = argument(input, 'EMAIL');
    const now = context.clock.now();
    const invited = await invitePerson(await context.database(), commandLine, { email, ...grant }, now);
    return linkReport(context.config, invited, `${printable(email)} is invited as ${rolesOf(grant).join(', ')}.`);
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

/** Without roles, the usual ones. Error: `usage`. */
function grantOf(given: readonly string[]): Grant {
  const unknown = given.find((role) => !isRole(role));
  if (unknown !== undefined) {
    throw new MillraceError('usage', `There is no role ${JSON.stringify(unknown)}.`, {
      help: `Roles: ${Object.keys(roles).join(', ')}.`,
    });
  }
  const wanted = given.length === 0 ? usualRoles : (given as readonly RoleSlug[]);
  if (wanted.includes('workspace-owner')) return { role: 'owner', permissions: [] };
  return { role: 'member', permissions: [...new Set(wanted)].map((role) => ({ role, resources: 'all' })) };
}

function rolesOf({ role, permissions }: Grant): readonly RoleSlug[] {
  return role === 'owner' ? ['workspace-owner'] : permissions.map((permission) => permission.role);
}

function documentOf({ id, email, name, hasPassword, createdAt, ...grant }: Person) {
  return { id, email, name, roles: rolesOf(grant), hasPassword, createdAt };
}
