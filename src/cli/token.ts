/** `token create`, `token list`, `token revoke`: who may read the profiles of a space, or use the Public API. */
import { MillraceError } from '../base/errors.ts';
import type { Database } from '../db/db.ts';
import {
  commandLine,
  createToken,
  findSpace,
  type Grant,
  grantToken,
  listTokens,
  recordAudit,
  revokeToken,
} from '../workspace/workspace.ts';
import { serverAddress } from './address.ts';
import { argument, type Command, flag, listOption, option, type Report } from './command.ts';
import { paragraphs, printable, table, time } from './text.ts';
import { grantOf, grantText, placeWords, roleWords } from './token-roles.ts';

const space = { flags: '--space <SPACE>', description: 'name, id or write key of the space' };

export const tokenCreateCommand: Command = {
  name: 'token create',
  description: 'Make a token that reads the profiles of a space, or one of the workspace for the Public API.',
  arguments: [{ name: 'NAME', description: 'who will use it', required: true }],
  options: [
    {
      ...space,
      description: `${space.description}; with --role, of the spaces where the role holds`,
      repeatable: true,
      defaultText: 'none; give either this or --workspace',
    },
    { flags: '--workspace', description: 'a token of the whole workspace, for the Public API' },
    {
      flags: '--role <ROLE>',
      description: `what a token of the workspace may do; several add up: ${roleWords.join(', ')}; ${placeWords}`,
      repeatable: true,
      defaultText: 'owner',
    },
    {
      flags: '--source <SOURCE>',
      description: 'id or name of a source where its roles about sources hold',
      repeatable: true,
      defaultText: 'all',
    },
  ],
  examples: [
    'millrace token create --space main "web shop"',
    'millrace token create --workspace terraform',
    'millrace token create --workspace --role source-admin --source shop "shop team"',
    'millrace token create --workspace --role source-read-only@label:team=web "web team"',
  ],
  async run(context, input) {
    const name = argument(input, 'NAME');
    const [spaces, words] = [listOption(input, 'space'), listOption(input, 'role')];
    const sources = listOption(input, 'source');
    const ofWorkspace = flag(input, 'workspace');
    const [given] = spaces;
    if (ofWorkspace ? given !== undefined && words.length === 0 : spaces.length !== 1) {
      throw new MillraceError('usage', 'A token is either of one space or of the workspace.', {
        help: 'Give --space SPACE for the Profile API, or --workspace for the Public API.',
      });
    }
    const db = await context.database();
    const address = serverAddress(context.config);
    if (ofWorkspace) {
      const grant = await grantOf(await context.store(), { roles: words, sources, spaces });
      return createOfWorkspace(db, name, grant, address);
    }
    if (words.length > 0 || sources.length > 0) {
      throw new MillraceError('usage', '--role and --source are about tokens of the workspace.', {
        help: 'Add --workspace, or leave them out: a token of a space reads its profiles and nothing else.',
      });
    }
    return createOfSpace(db, await findSpace(db.pool, given ?? ''), name, address);
  },
};

async function createOfSpace(
  db: Database,
  { id: spaceId, name: spaceName }: { readonly id: string; readonly name: string },
  name: string,
  address: string,
): Promise<Report> {
  const { id, secret } = await db.transaction(async (tx) => {
    const made = await createToken(tx, spaceId, name);
    await recordAudit(tx, commandLine, [noteOf('Access Token Created', made.id, name)]);
    return made;
  });
  const text = paragraphs(
    `Token ${id} "${printable(name)}" for the space ${spaceName}:`,
    `  ${secret}`,
    'It is shown only now. It is the user name of HTTP basic authentication, with an empty password:',
    `  curl -u '${secret}:' '${address}/v1/spaces/${spaceName}/collections/users/profiles/email:jane@example.com/traits'`,
    'Next: millrace start serves the Profile API; millrace token revoke ID ends the token.',
  );
  return { document: { id, name, space: spaceName, role: null, permissions: [], secret }, text };
}

async function createOfWorkspace(db: Database, name: string, grant: Grant, address: string): Promise<Report> {
  const { id, secret } = await grantToken(db, commandLine, name, grant);
  const what = grant.role === 'owner' ? 'whoever has it may do everything the Public API can' : grantText(grant);
  const text = paragraphs(
    `Token ${id} "${printable(name)}" for the workspace; ${what}:`,
    `  ${secret}`,
    'It is shown only now. It is sent as a bearer token:',
    `  curl -H 'Authorization: Bearer ${secret}' '${address}/public-api/'`,
    'Next: millrace start serves the Public API; millrace token revoke ID ends the token.',
  );
  return { document: { id, name, space: null, ...grant, secret }, text };
}

function noteOf(type: string, resourceId: string, resourceName: string) {
  return { type, resourceType: 'token', resourceId, resourceName };
}

export const tokenListCommand: Command = {
  name: 'token list',
  description: 'List the tokens of a space, or all; never the secrets.',
  arguments: [],
  options: [{ ...space, defaultText: 'all' }],
  examples: ['millrace token list --space main'],
  async run(context, input) {
    const { pool } = await context.database();
    const given = option(input, 'space');
    const tokens = await listTokens(pool, given === undefined ? undefined : (await findSpace(pool, given)).id);
    const rows = tokens.map(({ id, name, spaceName, role, permissions, createdAt, revokedAt }) => [
      id,
      name,
      spaceName ?? '(workspace)',
      role === null ? '' : grantText({ role, permissions }),
      time(createdAt),
      revokedAt === null ? '' : time(revokedAt),
    ]);
    const columns = ['id', 'name', 'space', 'role', 'created', 'revoked'].map((title) => ({ title, most: 60 }));
    const document = {
      tokens: tokens.map(({ spaceId, spaceName, ...token }) => ({ ...token, space: spaceName, spaceId })),
    };
    const none = 'There are no tokens. Make one: millrace token create --space SPACE NAME, or with --workspace';
    return { document, text: tokens.length === 0 ? none : table(columns, rows) };
  },
};

export const tokenRevokeCommand: Command = {
  name: 'token revoke',
  description: 'End a token; running servers refuse it a second later at most.',
  arguments: [{ name: 'ID', description: 'the id of the token (tok_…), as token list shows it', required: true }],
  options: [],
  examples: ['millrace token revoke tok_2mFNHhVyGWDrDsC8oK5dYnpqZ1f'],
  async run(context, input) {
    const id = argument(input, 'ID');
    await (await context.database()).transaction(async (tx) => {
      const { name, wasRevoked } = await revokeToken(tx, id);
      if (!wasRevoked) await recordAudit(tx, commandLine, [noteOf('Access Token Revoked', id, name)]);
    });
    return { document: { id, revoked: true }, text: `The token ${printable(id)} is revoked.` };
  },
};
