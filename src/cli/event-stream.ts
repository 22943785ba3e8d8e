/** `event-stream create`, `list`, `show`, `disable`, `enable`, `remove`: sources that SDKs send to. */
import type { Config } from '../base/config.ts';
import { MillraceError } from '../base/errors.ts';
import {
  createEventStream,
  type EventStream,
  findEventStream,
  listEventStreams,
  removeEventStream,
  setEventStreamEnabled,
} from '../workspace/workspace.ts';
import { serverAddress } from './address.ts';
import { argument, type Command, flag, listOption, option } from './command.ts';
import { confirm } from './question.ts';
import { facts, indent, paragraphs, table } from './text.ts';

const stream = { name: 'NAME', description: 'name, id or write key of an event stream', required: true };

export const eventStreamCreateCommand: Command = {
  name: 'event-stream create',
  description: 'Make a source that websites, apps and servers send messages to with an SDK.',
  arguments: [{ name: 'NAME', description: 'its name', required: true }],
  options: [
    {
      flags: '--space <SPACE>',
      description:
        'name, id or write key of a space its messages are offered to; may be repeated, or a list with commas',
      required: true,
      repeatable: true,
    },
    {
      flags: '--client-side',
      description: 'its senders are browsers and phones: a missing IP address is that of the connection',
    },
    {
      flags: '--oauth-enforced',
      description: 'its senders also need an access token of an OAuth app; the write key alone is refused',
    },
    { flags: '--write-key <KEY>', description: 'one that senders have already', defaultText: 'one is made' },
  ],
  examples: [
    'millrace event-stream create website --space main --client-side',
    'millrace event-stream create billing --space main,partners --write-key OLD_KEY',
  ],
  async run(context, input) {
    const made = await createEventStream(await context.database(), {
      name: argument(input, 'NAME'),
      spaces: listOption(input, 'space'),
      clientSide: flag(input, 'clientSide'),
      oauthEnforced: flag(input, 'oauthEnforced'),
      writeKey: option(input, 'writeKey'),
    });
    const text = paragraphs(
      `The event stream ${made.name} is made.`,
      described(made, context.config),
      `A workspace file that does not name it removes it when it is applied. To keep it, add to the file:\n${indent(inFile(made))}`,
    );
    return { document: documentOf(made), text };
  },
};

export const eventStreamListCommand: Command = {
  name: 'event-stream list',
  description: 'List the event streams.',
  arguments: [],
  options: [],
  examples: ['millrace event-stream list'],
  async run(context) {
    const streams = await listEventStreams((await context.database()).pool);
    const rows = streams.map((one) => [one.name, spaceNames(one), sendersOf(one), stateOf(one), one.id]);
    const columns = ['name', 'spaces', 'senders', 'state', 'id'].map((title) => ({ title, most: 60 }));
    const none = 'There are no event streams. Make one: millrace event-stream create NAME --space SPACE';
    const text =
      streams.length === 0
        ? none
        : paragraphs(table(columns, rows), 'Next: millrace event-stream show NAME tells the write key.');
    return { document: { eventStreams: streams.map(documentOf) }, text };
  },
};

export const eventStreamShowCommand: Command = {
  name: 'event-stream show',
  description: 'Show an event stream with its write key, and how to send a message to it.',
  arguments: [stream],
  options: [],
  examples: ['millrace event-stream show website'],
  async run(context, input) {
    const found = await findEventStream((await context.database()).pool, argument(input, 'NAME'));
    return { document: documentOf(found), text: described(found, context.config) };
  },
};

export const eventStreamDisableCommand = switching('disable', {
  enabled: false,
  description: 'Discard the messages of an event stream until it is enabled again; senders are answered 200.',
  done: 'is disabled: its messages are answered 200 and discarded',
});

export const eventStreamEnableCommand = switching('enable', {
  enabled: true,
  description: 'Take the messages of an event stream again.',
  done: 'is enabled: its messages are taken',
});

function switching(
  verb: string,
  about: { readonly enabled: boolean; readonly description: string; readonly done: string },
): Command {
  return {
    name: `event-stream ${verb}`,
    description: about.description,
    arguments: [stream],
    options: [],
    examples: [`millrace event-stream ${verb} website`],
    async run(context, input) {
      const db = await context.database();
      const { id } = await findEventStream(db.pool, argument(input, 'NAME'));
      const changed = await setEventStreamEnabled(db, id, about.enabled);
      const text = paragraphs(
        `The event stream ${changed.name} ${about.done}.`,
        `An apply of a workspace file sets what the file says: write enabled: ${about.enabled} there too.`,
      );
      return { document: documentOf(changed), text };
    },
  };
}

export const eventStreamRemoveCommand: Command = {
  name: 'event-stream remove',
  description: 'Remove an event stream: its write key stops working. Profiles stay as they are.',
  arguments: [stream],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: ['millrace event-stream remove website', 'millrace event-stream remove website --yes'],
  async run(context, input) {
    const db = await context.database();
    const found = await findEventStream(db.pool, argument(input, 'NAME'));
    context.output.say(
      `Removing the event stream ${found.name}: SDKs that use its write key are answered 200 and their messages are discarded.`,
    );
    if (!flag(input, 'yes') && !(await confirm(context, '\nRemove it?'))) {
      throw new MillraceError('not_confirmed', 'You did not say yes; nothing was changed.', {
        help: 'Answer y to remove it.',
      });
    }
    await removeEventStream(db, found.id);
    const { id, name } = found;
    return { document: { id, name, removed: true }, text: `The event stream ${name} is removed.` };
  },
};

function documentOf({ id, name, writeKey, spaces, enabled, clientSide, oauthEnforced }: EventStream) {
  return { id, name, writeKey, spaces: spaces.map((space) => space.name), enabled, clientSide, oauthEnforced };
}

const spaceNames = ({ spaces }: EventStream) => spaces.map(({ name }) => name).join(', ');
const sendersOf = ({ clientSide }: EventStream) => (clientSide ? 'browsers and phones' : 'servers');
const stateOf = ({ enabled }: EventStream) => (enabled ? 'enabled' : 'disabled');

const byKey = 'The write key is the user name of HTTP basic authentication, with an empty password:';
const byToken =
  'The write key goes into the body, and an access token of an OAuth app (millrace oauth-app create) beside it:';

function described(one: EventStream, config: Config): string {
  const message = JSON.stringify({ userId: 'jane', event: 'Signed Up', properties: { plan: 'pro' } });
  const withToken = JSON.stringify({ writeKey: one.writeKey, ...JSON.parse(message) });
  const url = `${serverAddress(config)}/v1/track`;
  const json = `-H 'Content-Type: application/json'`;
  const sending = one.oauthEnforced
    ? [`curl -H 'Authorization: Bearer TOKEN' ${json} \\`, `  -d '${withToken}' '${url}'`]
    : [`curl -u '${one.writeKey}:' ${json} \\`, `  -d '${message}' '${url}'`];
  return paragraphs(
    facts([
      ['event stream', `${one.name} (${one.id})`],
      ['write key', one.writeKey],
      ['spaces', spaceNames(one)],
      ['senders', sendersOf(one)],
      ['OAuth', one.oauthEnforced ? 'enforced: the write key alone is refused' : 'not asked for'],
      ['state', one.enabled ? 'enabled' : 'disabled: messages are answered 200 and discarded'],
    ]),
    `${one.oauthEnforced ? byToken : byKey}\n${indent(sending.join('\n'))}`,
  );
}

/** The lines of a workspace file that say the same; in quotes, since a name may look like a number. */
function inFile({ name, writeKey, spaces, clientSide, oauthEnforced }: EventStream): string {
  const settings = [
    `spaces: ${JSON.stringify(spaces.map((space) => space.name))}`,
    ...(clientSide ? ['client_side: true'] : []),
    ...(oauthEnforced ? ['oauth_enforced: true'] : []),
    `write_key: ${JSON.stringify(writeKey)}`,
  ];
  return `event_streams:\n  ${name}: { ${settings.join(', ')} }`;
}
