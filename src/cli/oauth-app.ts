/** `oauth-app create`, `list`, `show`, `add-key`, `remove-key`, `remove`: programs that get access tokens for the Tracking API. */
import { readFile } from 'node:fs/promises';
import type { Config } from '../base/config.ts';
import { MillraceError } from '../base/errors.ts';
import {
  addOauthKey,
  createOauthApp,
  findOauthApp,
  listOauthApps,
  type OauthApp,
  removeOauthApp,
  removeOauthKey,
  type TokenDays,
} from '../workspace/workspace.ts';
import { serverAddress } from './address.ts';
import { argument, type Command, flag, listOption, option } from './command.ts';
import { confirm } from './question.ts';
import { facts, indent, paragraphs, table, time } from './text.ts';

const app = { name: 'APP', description: 'name or id of an OAuth app', required: true };
const scope = 'tracking_api:write';

const lifetimes: Readonly<Record<string, TokenDays>> = {
  '1d': 1,
  '2d': 2,
  '3d': 3,
  '1w': 7,
  '2w': 14,
  '3w': 21,
  '30d': 30,
};

export const oauthAppCreateCommand: Command = {
  name: 'oauth-app create',
  description:
    'Make an OAuth app: a program that proves with its key who it is, and gets tokens to send messages with.',
  arguments: [{ name: 'NAME', description: 'its name', required: true }],
  options: [
    {
      flags: '--key <FILE>',
      description: 'a public key of it, in PEM form, RSA of 2048 bits or more; two at most',
      repeatable: true,
      defaultText: 'none; oauth-app add-key adds one',
    },
    {
      flags: '--stream <STREAM>',
      description: 'name, id or write key of an event stream it may write to; may be repeated, or a list with commas',
      repeatable: true,
      defaultText: 'all',
    },
    { flags: '--scope <SCOPE>', description: 'what its tokens are good for', repeatable: true, defaultText: scope },
    {
      flags: '--lifetime <TIME>',
      description: 'how long each of its tokens lives',
      choices: Object.keys(lifetimes),
      defaultText: '1d',
    },
  ],
  examples: [
    'millrace oauth-app create billing-server --key public.pem --stream billing',
    'millrace oauth-app create importer --key public.pem --lifetime 1w',
  ],
  async run(context, input) {
    const name = argument(input, 'NAME');
    const scopes = listOption(input, 'scope');
    const keys = await Promise.all(listOption(input, 'key').map(readPem));
    const made = await createOauthApp(await context.database(), {
      name,
      keys,
      scopes: scopes.length === 0 ? [scope] : scopes,
      tokenDays: lifetimes[option(input, 'lifetime') ?? '1d'] ?? 1,
      streams: listOption(input, 'stream'),
    });
    return {
      document: documentOf(made),
      text: paragraphs(`The OAuth app ${name} is made.`, text(made, context.config)),
    };
  },
};

export const oauthAppListCommand: Command = {
  name: 'oauth-app list',
  description: 'List the OAuth apps.',
  arguments: [],
  options: [],
  examples: ['millrace oauth-app list'],
  async run(context) {
    const apps = await listOauthApps((await context.database()).pool);
    const rows = apps.map((one) => [one.name, streamNames(one), String(one.keys.length), lifetime(one), one.id]);
    const columns = ['name', 'event streams', 'keys', 'tokens live', 'id'].map((title) => ({ title, most: 60 }));
    const none = 'There are no OAuth apps. Make one: millrace oauth-app create NAME --key FILE';
    return { document: { oauthApps: apps.map(documentOf) }, text: apps.length === 0 ? none : table(columns, rows) };
  },
};

export const oauthAppShowCommand: Command = {
  name: 'oauth-app show',
  description: 'Show an OAuth app with the ids of its keys, and how an SDK is set up with them.',
  arguments: [app],
  options: [],
  examples: ['millrace oauth-app show billing-server'],
  async run(context, input) {
    const found = await findOauthApp((await context.database()).pool, argument(input, 'APP'));
    return { document: documentOf(found), text: text(found, context.config) };
  },
};

export const oauthAppAddKeyCommand: Command = {
  name: 'oauth-app add-key',
  description: 'Give an OAuth app a second public key, to change keys without a pause.',
  arguments: [app, { name: 'FILE', description: 'the public key, in PEM form', required: true }],
  options: [],
  examples: ['millrace oauth-app add-key billing-server new.pem'],
  async run(context, input) {
    const pem = await readPem(argument(input, 'FILE'));
    const { keyId, app: changed } = await addOauthKey(await context.database(), argument(input, 'APP'), pem);
    const said = paragraphs(
      `The key ${keyId} of the OAuth app ${changed.name} is added.`,
      changed.keys.length < 2
        ? ''
        : `Next: set keyId of its senders to ${keyId}, then remove the other: millrace oauth-app remove-key ${changed.name} ${changed.keys[0]?.id}`,
    );
    return { document: { ...documentOf(changed), keyId }, text: said };
  },
};

export const oauthAppRemoveKeyCommand: Command = {
  name: 'oauth-app remove-key',
  description: 'Remove a public key of an OAuth app, and end the tokens it was shown for.',
  arguments: [
    app,
    { name: 'KEY', description: 'the id of the key (oak_…), as oauth-app show tells it', required: true },
  ],
  options: [],
  examples: ['millrace oauth-app remove-key billing-server oak_2mFNHhVyGWDrDsC8oK5dYnpqZ1f'],
  async run(context, input) {
    const keyId = argument(input, 'KEY');
    const changed = await removeOauthKey(await context.database(), argument(input, 'APP'), keyId);
    const said = paragraphs(
      `The key ${keyId} of the OAuth app ${changed.name} is removed; running servers refuse its tokens a second later at most.`,
      changed.keys.length > 0 ? '' : `It has no key now. Next: millrace oauth-app add-key ${changed.name} FILE`,
    );
    return { document: documentOf(changed), text: said };
  },
};

export const oauthAppRemoveCommand: Command = {
  name: 'oauth-app remove',
  description: 'Remove an OAuth app with its keys, and end its tokens.',
  arguments: [app],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: ['millrace oauth-app remove billing-server', 'millrace oauth-app remove billing-server --yes'],
  async run(context, input) {
    const db = await context.database();
    const { id, name } = await findOauthApp(db.pool, argument(input, 'APP'));
    context.output.say(`Removing the OAuth app ${name}: event streams that ask for a token refuse what it sends.`);
    if (!flag(input, 'yes') && !(await confirm(context, '\nRemove it?'))) {
      throw new MillraceError('not_confirmed', 'You did not say yes; nothing was changed.', {
        help: 'Answer y to remove it.',
      });
    }
    await removeOauthApp(db, id);
    const said = `The OAuth app ${name} is removed; running servers refuse its tokens a second later at most.`;
    return { document: { id, name, removed: true }, text: said };
  },
};

async function readPem(fileName: string): Promise<string> {
  try {
    return await readFile(fileName, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : code;
    throw new MillraceError('file_unreadable', `${fileName} cannot be read: ${reason}.`);
  }
}

function documentOf({ id, name, scopes, tokenDays, streams, keys, createdAt }: OauthApp) {
  return { id, name, scopes, tokenDays, streams, keys, createdAt };
}

const lifetime = ({ tokenDays }: OauthApp) => (tokenDays === 1 ? '1 day' : `${tokenDays} days`);

function streamNames({ streams }: OauthApp): string {
  if (streams === null) return 'all';
  return streams.length === 0 ? 'none: those it had are removed' : streams.join(', ');
}

function text(one: OauthApp, config: Config): string {
  const [newest] = one.keys.slice(-1);
  const settings = [
    `clientId: '${one.id}',`,
    `keyId: '${newest?.id}',`,
    'clientKey: PRIVATE_KEY, // the text of private.pem, in PKCS #8',
    `authServer: '${config.publicUrl?.replace(/\/$/, '') ?? serverAddress(config)}',`,
  ];
  return paragraphs(
    facts([
      ['OAuth app', `${one.name} (${one.id})`],
      ['scopes', one.scopes.join(' ')],
      ['event streams', streamNames(one)],
      ['tokens live', lifetime(one)],
      ...one.keys.flatMap(({ id, fingerprint, createdAt }) => [
        ['key', `${id}, added ${time(createdAt)}`] as const,
        ['', `SHA-256 ${fingerprint}`] as const,
      ]),
    ]),
    newest === undefined
      ? `It has no key yet. Next: millrace oauth-app add-key ${one.name} FILE`
      : `oauthSettings of an SDK:\n${indent(settings.join('\n'))}`,
  );
}
