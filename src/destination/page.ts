/**
 * `docs/destinations/segment-profiles.md`, made from the definition. In: limits that other rooms keep. Out: Markdown, always
 * the same for the same definition. `npm run docs` writes it; `test/docs.test.ts` fails when the committed page differs.
 */
import type { Json } from '../base/json.ts';
import { options } from '../base/options.ts';
import type { Action, Field } from './destination.ts';
import type { EndpointChoice, EndpointName, Setting } from './endpoints.ts';
import { frequentQuestions, gettingStarted } from './page-words.ts';

/** What the page is about: `segmentProfiles`, whose shape is written down here so that the page needs no other. */
export interface Definition {
  readonly name: string;
  readonly slug: string;
  readonly metadataId: string;
  readonly mode: string;
  readonly settings: Readonly<Record<string, Setting>>;
  readonly endpoints: readonly EndpointChoice[];
  readonly actions: Readonly<Record<string, Action>>;
  readonly maxMappings: number;
}

export interface PageLimits {
  readonly maxRequestBytes: number;
  readonly maxRequestMessages: number;
  readonly maxMessageBytes: number;
}

/** The pages by file name in `docs/`. */
export function pagesOf(definition: Definition, limits: PageLimits): Readonly<Record<string, string>> {
  return { 'destinations/segment-profiles.md': `${page(definition, limits).join('\n')}\n` };
}

function page(definition: Definition, limits: PageLimits): readonly string[] {
  return [
    `# ${definition.name}`,
    '',
    '<!-- Made by `npm run docs` from src/destination. Edits are overwritten. -->',
    '',
    'Rows of a warehouse become messages that create and update the profiles of a profile space: of this server, of Segment, or',
    'of another server that speaks as Segment does.',
    '',
    ...table(
      ['', ''],
      [
        ['Slug', code(definition.slug)],
        ['Id in the catalog', code(definition.metadataId)],
        ['Mode', definition.mode],
        ['Sources', 'warehouses only: an event stream or a profile space cannot be connected'],
        ['Actions', Object.values(definition.actions).map(actionLink).join(', ')],
      ],
    ),
    '',
    ...gettingStarted,
    '',
    ...settingsPart(definition),
    '',
    ...actionsPart(definition),
    '',
    ...limitsPart(definition, limits),
    '',
    ...frequentQuestions,
  ];
}

function settingsPart({ settings, endpoints }: Definition): readonly string[] {
  const names = endpoints.map(({ value }) => value);
  return [
    '## Settings',
    '',
    ...table(
      ['Setting', 'Label', 'Type', 'Required', 'Default', 'Meaning'],
      Object.entries(settings).map(([name, setting]) => [
        code(name),
        setting.label,
        setting.type === 'password' ? 'secret text' : typeOfSetting(setting),
        requiredText(setting, names),
        setting.default === undefined ? '' : code(setting.default),
        setting.description,
      ]),
    ),
    '',
    'Secrets are encrypted where they are stored, and are shown as `(set)`, nowhere in clear. The choices of `endpoint`:',
    '',
    ...table(
      ['Value', 'Label', 'Messages go to', 'Profile spaces are looked up at'],
      endpoints.map((endpoint) => [
        code(endpoint.value),
        endpoint.label,
        placeOf(endpoint, endpoint.trackingUrl, 'tracking_url'),
        placeOf(endpoint, endpoint.publicApiUrl, 'public_api_url'),
      ]),
    ),
    '',
    'The URLs of the two regions can be replaced for the whole server, for instance to try everything against a server of',
    'your own: `--tracking-url-north-america`, `--tracking-url-europe`, `--public-api-url-north-america` and',
    '`--public-api-url-europe` ([configuration.md](../configuration.md)).',
  ];
}

function typeOfSetting({ choices }: Setting): string {
  return choices === undefined ? 'text' : 'a choice';
}

function requiredText({ requiredFor, default: fallback }: Setting, names: readonly EndpointName[]): string {
  if (requiredFor.length === 0) return 'no';
  if (requiredFor.length === names.length) return fallback === undefined ? 'yes' : 'yes (it has a default)';
  return `for ${requiredFor.map(code).join(', ')}`;
}

function placeOf({ value }: EndpointChoice, url: string | null, setting: string): string {
  if (value === 'local') return 'this server';
  return url === null ? `what ${code(setting)} says` : url;
}

function actionsPart({ actions }: Definition): readonly string[] {
  return [
    '## Actions',
    '',
    'The trigger of an action is a condition on events, as Segment has it. A mapping of rows has a condition on the change of the',
    'row instead: `event = "new"`, `event = "updated"`, `event = "deleted"`, or several of them joined by `or`; in a workspace',
    'file also `records: [new, updated]`. A field that a mapping leaves out takes its default; one that maps to nothing is not sent.',
    ...Object.values(actions).flatMap(actionPart),
  ];
}

function actionPart(action: Action): readonly string[] {
  return [
    '',
    `### ${action.title}`,
    '',
    action.description,
    '',
    `- Slug: ${code(action.slug)}`,
    `- Default trigger: ${action.defaultTrigger === null ? 'none' : code(action.defaultTrigger)}`,
    '',
    ...table(
      ['Label', 'Field', 'Type', 'Required', 'Default', 'Description'],
      Object.entries(action.fields).map(([name, field]) => [
        field.label,
        code(name),
        typeOfField(field),
        field.required ? 'yes' : 'no',
        defaultText(field.default),
        fieldText(field),
      ]),
    ),
  ];
}

function typeOfField({ type, keyValue, dynamic }: Field): string {
  if (dynamic === true) return `${type}, from a list`;
  return keyValue === true ? `${type}, any keys` : type;
}

function defaultText(value: Json | undefined): string {
  if (value === undefined) return '';
  const path = (value as { readonly '@path'?: Json } | null)?.['@path'];
  return code(typeof path === 'string' ? path : JSON.stringify(value));
}

function fieldText({ description, hidden, allowNull }: Field): string {
  const also = [
    hidden === true ? 'Rarely changed, so forms hide it.' : '',
    allowNull === true ? 'Null says nothing.' : '',
  ];
  return [description, ...also].filter((part) => part !== '').join(' ');
}

function limitsPart({ maxMappings }: Definition, limits: PageLimits): readonly string[] {
  return [
    '## Limits',
    '',
    ...table(
      ['What', 'Limit', 'Beyond it'],
      [
        ['Mappings of one destination', number(maxMappings), 'the mapping is refused; add a second destination'],
        [
          'One message over HTTP',
          `${number(limits.maxMessageBytes)} bytes of JSON`,
          'the row is refused, with its size; the others go on',
        ],
        [
          'One request over HTTP',
          `${number(limits.maxRequestMessages)} messages and ${number(limits.maxRequestBytes)} bytes`,
          'the batch is split',
        ],
        [
          'Requests to one destination',
          `${number(options.deliveryRate.default)} a second (${code('--delivery-rate')})`,
          'requests wait for their turn',
        ],
        ['Switches', 'the destination and the mapping each have one', 'a sync runs when both are on'],
      ],
    ),
  ];
}

/* ---- Markdown ---- */

function table(titles: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(titles), `|${titles.map(() => '---|').join('')}`, ...rows.map(line)];
}

function code(text: string): string {
  return `\`${text}\``;
}

function actionLink({ title }: Action): string {
  return `[${title}](#${title.toLowerCase().replaceAll(' ', '-')})`;
}

const numbers = new Intl.NumberFormat('en-US');

function number(value: number): string {
  return numbers.format(value);
}
