/** `destination test` and `destination spaces`: what the Public API of a destination's endpoint says. */
import {
  type ConnectionOptions,
  type ConnectionTest,
  type DynamicChoices,
  listProfileSpaces,
  regionUrls,
  testConnection,
} from '../destination/destination.ts';
import { type Destination, findDestination, listSpaces } from '../workspace/workspace.ts';
import { argument, type Command } from './command.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { indent, paragraphs, printable, table } from './text.ts';

const destination = { name: 'NAME', description: 'name or id of a destination', required: true };

export const destinationTestCommand: Command = {
  name: 'destination test',
  description: 'Ask the Public API of the endpoint whether it takes the token of a destination.',
  arguments: [destination],
  options: [],
  examples: ['millrace destination test profiles'],
  cancellable: true,
  async run(context, input) {
    const { name, settings } = await findDestination(await context.store(), argument(input, 'NAME'));
    const tested = await testConnection(settings, connectionOf(context));
    const failure = tested.ok ? { code: null, reason: null } : { code: tested.code, reason: tested.reason };
    return {
      document: {
        destination: name,
        endpoint: settings.endpoint,
        ok: tested.ok,
        workspace: tested.ok ? tested.workspace : null,
        ...failure,
      },
      text: testedText(name, settings.endpoint, tested),
      exit: tested.ok ? exitCodes.ok : exitCodes.failures,
    };
  },
};

function connectionOf(context: CliContext): ConnectionOptions {
  return { publicApiUrls: regionUrls(context.config).publicApi, signal: context.signal };
}

function testedText(name: string, endpoint: string, tested: ConnectionTest): string {
  if (!tested.ok) return `The connection of ${name} (${endpoint}) does not work. ${printable(tested.reason)}`;
  const which = tested.workspace === null ? '' : ` Its workspace is ${printable(tested.workspace)}.`;
  const what =
    endpoint === 'local'
      ? `${name} sends to the spaces of this server, which needs no connection.`
      : `The connection of ${name} (${endpoint}) works.${which}`;
  return paragraphs(what, `Next: millrace destination spaces ${name}`);
}

export const destinationSpacesCommand: Command = {
  name: 'destination spaces',
  description: 'List the profile spaces that mappings of a destination can write to.',
  arguments: [destination],
  options: [],
  examples: ['millrace destination spaces profiles'],
  cancellable: true,
  async run(context, input) {
    const store = await context.store();
    const found = await findDestination(store, argument(input, 'NAME'));
    const { choices, error } = await listProfileSpaces(found.settings, {
      ...connectionOf(context),
      localSpaces: () => listSpaces(store.db),
    });
    return {
      document: { destination: found.name, endpoint: found.settings.endpoint, spaces: choices, error },
      text: spacesText(found, choices, error),
      exit: error === null ? exitCodes.ok : exitCodes.failures,
    };
  },
};

function spacesText(
  { name, settings }: Destination,
  choices: DynamicChoices['choices'],
  error: DynamicChoices['error'],
): string {
  if (error !== null) {
    return `The profile spaces of ${name} (${settings.endpoint}) cannot be listed. ${printable(error.message)} [${printable(error.code)}]`;
  }
  if (choices.length === 0) return `The endpoint ${settings.endpoint} of ${name} has no profile spaces.`;
  const shown = table(
    [{ title: 'space', most: 60 }, { title: 'engage_space' }],
    choices.map(({ label, value }) => [label, value]),
  );
  return paragraphs(
    `Profile spaces of ${name} (${settings.endpoint}), with what a mapping's engage_space holds for them:`,
    indent(shown),
  );
}
