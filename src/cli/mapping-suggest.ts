/** `mapping suggest`: a mapping for the columns of a model, as YAML to paste. Nothing is changed. */
import { actions } from '../destination/destination.ts';
import { type SuggestedMapping, suggestForModel } from '../sync/sync.ts';
import { findModel, type Mapping, type Model, readWorkspace, type Workspace } from '../workspace/workspace.ts';
import { type Command, option } from './command.ts';
import { indent, paragraphs, printable, table } from './text.ts';

export const mappingSuggestCommand: Command = {
  name: 'mapping suggest',
  description: 'Propose the fields of a mapping from the names of the columns of a model.',
  arguments: [],
  options: [
    { flags: '--model <NAME>', description: 'name or id of a model', required: true },
    {
      flags: '--action <ACTION>',
      description: 'what its rows become',
      required: true,
      choices: Object.keys(actions),
    },
  ],
  examples: ['millrace mapping suggest --model customers --action sendIdentify'],
  async run(context, input) {
    const store = await context.store();
    const found = await findModel(store, option(input, 'model') as string);
    const action = option(input, 'action') as Mapping['action'];
    const suggested = await suggestForModel(await context.sync(), found, action);
    const { proposed, left, missing, fields } = suggested;
    return {
      document: { model: found.model.name, action, fields, proposed, left, missing },
      text: suggestedText(found.model, action, suggested, await readWorkspace(store)),
    };
  },
};

function suggestedText(model: Model, action: Mapping['action'], suggested: SuggestedMapping, all: Workspace): string {
  const { proposed, left, missing } = suggested;
  const reasons = (rows: readonly (readonly string[])[]) =>
    indent(table([{ title: '', most: 60 }, { title: '' }], rows));
  const needed = missing.filter(({ field }) => field !== 'engage_space');
  return paragraphs(
    `A mapping of the columns of ${model.name} that are named like something ${actions[action].title} knows:`,
    yamlOf(model, action, suggested, all),
    proposed.length === 0
      ? 'No column is named so.'
      : `Why:\n${reasons(proposed.map(({ column, why }) => [column, why]))}`,
    left.length === 0 ? '' : `Not proposed:\n${reasons(left.map(({ column, why }) => [column, why]))}`,
    needed.length === 0 ? '' : `Still missing:\n${reasons(needed.map(({ field, why }) => [field, why]))}`,
    'Nothing was changed. Next: put it into the workspace file, correct it, and millrace apply FILE',
  );
}

/** JSON is YAML too, so names and paths are written as JSON texts where YAML could take them for something else. */
function yamlOf(model: Model, action: Mapping['action'], { proposed }: SuggestedMapping, all: Workspace): string {
  const candidates = all.destinations.filter(({ sourceId }) => sourceId === model.sourceId);
  const [destination] = candidates;
  const isChosen = candidates.length === 1 && destination !== undefined;
  const isLocal = destination === undefined || destination.settings.endpoint === 'local';
  const [space] = isLocal ? all.spaces : [];
  const spaceIsChosen = isLocal && isChosen && all.spaces.length === 1 && space !== undefined;
  const lines = [
    'mappings:',
    `  ${keyText(`${model.name}-${action.replace('send', '').toLowerCase()}`)}:`,
    isChosen
      ? `    destination: ${keyText(destination.name)}`
      : '    destination: DESTINATION # one on the same source',
    `    model: ${keyText(model.name)}`,
    `    action: ${action}`,
    '    fields:',
    spaceIsChosen
      ? `      engage_space: ${keyText(space.name)}`
      : '      engage_space: SPACE # see millrace destination spaces',
  ];
  let object: string | null = null;
  for (const { field, key, directive } of proposed) {
    if (key === null) lines.push(`      ${field}: ${JSON.stringify(directive)}`);
    else {
      if (object !== field) lines.push(`      ${field}:`);
      lines.push(`        ${keyText(key)}: ${JSON.stringify(directive)}`);
    }
    object = key === null ? null : field;
  }
  return printableYaml(lines);
}

/** Plain where it cannot be taken for a number, a date, true or null. */
function keyText(text: string): string {
  return /^[a-z][A-Za-z0-9_-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);
}

/** An escape of a terminal's is one of JSON's too, as all that is unsafe stands in JSON texts. */
function printableYaml(lines: readonly string[]): string {
  return lines.map(printable).join('\n');
}
