/** `token create`, `token list`, `token revoke`: who may read the profiles of a space, or use the Public API. */
import { MillraceError } from '../base/errors.ts';
import type { Queryable } from '../db/db.ts';
import { createToken, createWorkspaceToken, findSpace, listTokens, revokeToken } from '../workspace/workspace.ts';
import { serverAddress } from './address.ts';
import { argument, type Command, flag, option, type Report } from './command.ts';
import { paragraphs, printable, table, time } from './text.ts';

const space = { flags: '--space <SPACE>', description: 'name, id or write key of the space' };

export const tokenCreateCommand: Command = {
  name: 'token create',
  description: 'Make a token that reads the profiles of a space, or one of the workspace for the Public API.',
  arguments: [{ name: 'NAME', description: 'who will use it', required: true }],
  options: [
    { ...space, defaultText: 'none; give either this or --workspace' },
    { flags: '--workspace', description: 'a token of the whole workspace: it may do everything the Public API can' },
  ],
  examples: ['millrace token create --space main "web shop"', 'millrace token create --workspace terraform'],
  async run(context, input) {
    const name = argument(input, 'NAME');
    const given = option(input, 'space');
    if ((given !== undefined) === flag(input, 'workspace')) {
      throw new MillraceError('usage', 'A token is either of one space or of the workspace.', {
        help: 'Give --space SPACE for the Profile API, or --workspace for the Public API.',
      });
    }
    const { pool } = await context.database();
    const address = serverAddress(context.config);
    return given === undefined
      ? createOfWorkspace(pool, name, address)
      : createOfSpace(pool, await findSpace(pool, given), name, address);
  },
};

async function createOfSpace(
  db: Queryable,
  { id: spaceId, name: spaceName }: { readonly id: string; readonly name: string },
  name: string,
  address: string,
): Promise<Report> {
  const { id, secret } = await createToken(db, spaceId, name);
  const text = paragraphs(
    `Token ${id} "${printable(name)}" for the space ${spaceName}:`,
    `  ${secret}`,
    'It is shown only now. It is the user name of HTTP basic authentication, with an empty password:',
    `  curl -u '${secret}:' '${address}/v1/spaces/${spaceName}/collections/users/profiles/email:jane@example.com/traits'`,
    'Next: millrace start serves the Profile API; millrace token revoke ID ends the token.',
  );
  return { document: { id, name, space: spaceName, role: null, secret }, text };
}

async function createOfWorkspace(db: Queryable, name: string, address: string): Promise<Report> {
  const { id, secret } = await createWorkspaceToken(db, name);
  const text = paragraphs(
    `Token ${id} "${printable(name)}" for the workspace; whoever has it may do everything the Public API can:`,
    `  ${secret}`,
    'It is shown only now. It is sent as a bearer token:',
    `  curl -H 'Authorization: Bearer ${secret}' '${address}/public-api/suppressions'`,
    'Next: millrace start serves the Public API; millrace token revoke ID ends the token.',
  );
  return { document: { id, name, space: null, role: 'owner', secret }, text };
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
    const rows = tokens.map(({ id, name, spaceName, createdAt, revokedAt }) => [
      id,
      name,
      spaceName ?? '(workspace)',
      time(createdAt),
      revokedAt === null ? '' : time(revokedAt),
    ]);
    const columns = ['id', 'name', 'space', 'created', 'revoked'].map((title) => ({ title, most: 60 }));
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
    await revokeToken((await context.database()).pool, id);
    return { document: { id, revoked: true }, text: `The token ${printable(id)} is revoked.` };
  },
};
