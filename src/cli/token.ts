/** `token create`, `token list`, `token revoke`: who may read the profiles of a space. */
import { createToken, findSpace, listTokens, revokeToken } from '../workspace/workspace.ts';
import { serverAddress } from './address.ts';
import { argument, type Command, option } from './command.ts';
import { paragraphs, printable, table, time } from './text.ts';

const space = { flags: '--space <SPACE>', description: 'name, id or write key of the space' };

export const tokenCreateCommand: Command = {
  name: 'token create',
  description: 'Make a token that reads the profiles of a space.',
  arguments: [{ name: 'NAME', description: 'who will use it', required: true }],
  options: [{ ...space, required: true }],
  examples: ['millrace token create --space main "web shop"'],
  async run(context, input) {
    const { pool } = await context.database();
    const name = argument(input, 'NAME');
    const { id: spaceId, name: spaceName } = await findSpace(pool, option(input, 'space') ?? '');
    const { id, secret } = await createToken(pool, spaceId, name);
    const address = serverAddress(context.config);
    const text = paragraphs(
      `Token ${id} "${printable(name)}" for the space ${spaceName}:`,
      `  ${secret}`,
      'It is shown only now. It is the user name of HTTP basic authentication, with an empty password:',
      `  curl -u '${secret}:' '${address}/v1/spaces/${spaceName}/collections/users/profiles/email:jane@example.com/traits'`,
      'Next: millrace start serves the Profile API; millrace token revoke ID ends the token.',
    );
    return { document: { id, name, space: spaceName, secret }, text };
  },
};

export const tokenListCommand: Command = {
  name: 'token list',
  description: 'List the tokens of a space, or of all; never the secrets.',
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
      spaceName,
      time(createdAt),
      revokedAt === null ? '' : time(revokedAt),
    ]);
    const columns = ['id', 'name', 'space', 'created', 'revoked'].map((title) => ({ title, most: 60 }));
    const document = {
      tokens: tokens.map(({ spaceId, spaceName, ...token }) => ({ ...token, space: spaceName, spaceId })),
    };
    const none = 'There are no tokens. Make one: millrace token create --space SPACE NAME';
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
