/**
 * The workspace file. In: YAML text, the environment, the checks of other rooms. Out: definitions that hold together.
 * Promised: every fault is found in one reading, each with file, line and column; nothing is changed anywhere.
 */
import path from 'node:path';
import type { Environment } from '../base/config.ts';
import { type Fault, MillraceError } from '../base/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import { suggestion } from '../base/near-names.ts';
import type { Action, ActionSlug } from '../destination/destination.ts';
import type {
  Definitions,
  DestinationDefinition,
  MappingDefinition,
  ModelDefinition,
  SpaceDefinition,
} from './definitions.ts';
import { readAlert } from './file-alerts.ts';
import { type FaultList, type FilePath, faultList } from './file-faults.ts';
import { readMapping } from './file-mappings.ts';
import { engineNames, readShape, type Section, type Shaped, sectionNames, typeOf } from './file-shape.ts';
import { readSource, readText } from './file-sources.ts';
import { readSpace } from './file-spaces.ts';
import { readEventStream } from './file-streams.ts';
import { variableFiller } from './file-variables.ts';
import { isName, nameRule } from './names.ts';
import type { ScheduleLimits } from './schedules.ts';
import { readYaml } from './yaml-file.ts';

/** Field id → directive or literal. */
export type Fields = Readonly<Record<string, Json>>;

/** What other rooms know about parts of the file. */
export interface MappingChecks {
  readonly actions: Readonly<Record<ActionSlug, Action>>;
  /** The fields with the action's defaults where the mapping says nothing. */
  fillDefaults(action: Action, fields: Fields): Fields;
  checkFields(action: Action, fields: Fields): readonly Fault[];
  checkMapping(directives: Fields): readonly Fault[];
  /** Throws `trigger_invalid`; also for a trigger that no change of a row can match. */
  compileTrigger(fql: string): unknown;
  /** `where` of the faults is the path in the settings. */
  checkSourceSettings(engine: string, settings: JsonObject): readonly Fault[];
  /** The same of a destination. */
  checkDestinationSettings(settings: JsonObject): readonly Fault[];
  /** What is wrong with a model's query, as far as that can be said without its warehouse. */
  checkModelSql(engine: string, query: string): string | null;
  readonly scheduleLimits: ScheduleLimits;
  /** Of one destination. */
  readonly mostMappings: number;
}

export interface FileOptions {
  /** As faults name it. */
  readonly fileName: string;
  readonly env: Environment;
  /** Relative paths in the file start here. */
  readonly baseFolder: string;
  /** Keeps what is remembered of sources that are files only. Without it such a source needs a `state_path`. */
  readonly dataFolder?: string | undefined;
  readonly checks: MappingChecks;
}

/** A file without faults. */
export interface WorkspaceFile {
  readonly fileName: string;
  /** A function, so that printing the file prints no secret. */
  readonly definitions: () => Definitions;
  /** Spaces that mappings name by id or write key, which only the database knows. */
  readonly spaceKeys: readonly { readonly key: string; readonly fault: Fault }[];
  /** A fault that only the database shows, with its place in the file. */
  readonly faultAt: (path: FilePath, message: string) => Fault;
}

/** Error: `workspace_invalid`, with every fault in the order of the file. */
export async function parseWorkspaceFile(text: string, options: FileOptions): Promise<WorkspaceFile> {
  const faults = faultList(options.fileName);
  const content = readYaml(text, faults, variableFiller(options.env, faults));
  const definitions = content === null ? undefined : await readSections(content, faults, options);
  if (content === null && faults.count === 0) faults.add([], 'The file is empty.');
  if (faults.count > 0 || definitions === undefined) throw invalid(options.fileName, faults.list());
  const { spaceKeys, ...rest } = definitions;
  return { fileName: options.fileName, definitions: () => rest, spaceKeys, faultAt: faults.faultAt };
}

export function invalid(fileName: string, faults: readonly Fault[]): MillraceError {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  return new MillraceError('workspace_invalid', `The workspace file ${fileName} has ${count}.`, { faults });
}

/** The names of each section, faulty entries included, and the entries that can be looked at. */
interface Entries<S extends Section> {
  readonly names: readonly string[];
  readonly shaped: ReadonlyMap<string, Shaped<S>>;
}

async function readSections(
  content: Json,
  faults: FaultList,
  options: FileOptions,
): Promise<Definitions & { readonly spaceKeys: WorkspaceFile['spaceKeys'] }> {
  const top = isJsonObject(content) ? content : {};
  if (!isJsonObject(content)) faults.add([], `The file must be a map of ${sectionNames.join(', ')}.`);
  for (const key of Object.keys(top)) {
    if (!(sectionNames as readonly string[]).includes(key)) {
      faults.addKey([key], `there is no such key.${suggestion(key, sectionNames)}`);
    }
  }
  const entries = <S extends Section>(section: S) => readEntries(section, top[section] ?? {}, faults);
  const [spaces, sources, models, destinations, mappings, eventStreams, alerts] = [
    entries('spaces'),
    entries('sources'),
    entries('models'),
    entries('destinations'),
    entries('mappings'),
    entries('event_streams'),
    entries('alerts'),
  ];
  checkReferences({ sources, models, destinations, mappings, eventStreams, spaces }, faults);
  checkCounts(mappings, options.checks.mostMappings, faults);
  const writeKeys = new Map<string, string>();
  const spaceKeys: { readonly key: string; readonly fault: Fault }[] = [];
  return {
    spaces: each(
      spaces,
      (name, shape): SpaceDefinition => ({
        name,
        title: shape.title ?? null,
        settings: readSpace(shape, ['spaces', name], faults),
      }),
    ),
    sources: await Promise.all(each(sources, (name, shape) => readSource(name, shape, faults, options))),
    models: await Promise.all(each(models, (name, shape) => readModel(name, shape, sources, faults, options))),
    destinations: each(destinations, (name, shape) => readDestination(name, shape, faults, options.checks)),
    mappings: each(mappings, (name, shape): MappingDefinition => {
      // Spaces of other servers are theirs to know.
      const endpoint = destinations.shaped.get(shape.destination)?.settings.endpoint ?? 'local';
      const spaceNames = endpoint === 'local' ? spaces.names : null;
      const context = { faults, checks: options.checks, spaceNames };
      return readMapping(name, shape, context, (key, fault) => spaceKeys.push({ key, fault }));
    }),
    eventStreams: each(eventStreams, (name, shape) => readEventStream(name, shape, spaces.names, writeKeys, faults)),
    alerts: each(alerts, (name, shape) => readAlert(name, shape, mappings.names, faults)),
    spaceKeys,
  };
}

function readEntries<S extends Section>(section: S, value: Json, faults: FaultList): Entries<S> {
  const shaped = new Map<string, Shaped<S>>();
  if (!isJsonObject(value)) {
    faults.add([section], `this must be a map of names, not ${typeOf(value)}.`);
    faults.standIn([section]);
    return { names: [], shaped };
  }
  for (const [name, entry] of Object.entries(value)) {
    const here = [section, name];
    if (!isName(name)) faults.addKey(here, `a name must ${nameRule}.`);
    const shape = readShape(section, entry ?? null, here, faults);
    if (shape !== null) shaped.set(name, shape);
  }
  return { names: Object.keys(value), shaped };
}

function each<S extends Section, T>(entries: Entries<S>, read: (name: string, shape: Shaped<S>) => T): T[] {
  return [...entries.shaped].map(([name, shape]) => read(name, shape));
}

interface Referring {
  readonly sources: Entries<'sources'>;
  readonly models: Entries<'models'>;
  readonly destinations: Entries<'destinations'>;
  readonly mappings: Entries<'mappings'>;
  readonly eventStreams: Entries<'event_streams'>;
  readonly spaces: Entries<'spaces'>;
}

function checkReferences(entries: Referring, faults: FaultList): void {
  const { sources, models, destinations, mappings } = entries;
  const refer = (from: FilePath, kind: 'source' | 'model' | 'destination', name: string, known: readonly string[]) => {
    if (known.includes(name) || faults.isStandIn([`${kind}s`])) return;
    faults.add(from, `there is no ${kind} "${name}" in this file.${suggestion(name, known)}`);
  };
  for (const [name, { source }] of models.shaped) refer(['models', name, 'source'], 'source', source, sources.names);
  for (const [name, { source }] of destinations.shaped) {
    const here = ['destinations', name, 'source'];
    const other = sources.names.includes(source) ? null : kindOfOther(source, entries);
    if (other === null) refer(here, 'source', source, sources.names);
    else faults.add(here, `"${source}" is ${other}; only a warehouse can be connected to this destination.`);
  }
  for (const [name, mapping] of mappings.shaped) {
    refer(['mappings', name, 'model'], 'model', mapping.model, models.names);
    refer(['mappings', name, 'destination'], 'destination', mapping.destination, destinations.names);
    const model = models.shaped.get(mapping.model);
    const destination = destinations.shaped.get(mapping.destination);
    if (model === undefined || destination === undefined || model.source === destination.source) continue;
    const sourcesOf = [
      ['models', mapping.model, 'source'],
      ['destinations', mapping.destination, 'source'],
    ];
    if (sourcesOf.some(faults.isStandIn)) continue;
    if (![model.source, destination.source].every((source) => sources.names.includes(source))) continue;
    faults.add(
      ['mappings', name, 'model'],
      `the model "${mapping.model}" reads the source "${model.source}", but the destination "${mapping.destination}" is ` +
        `connected to "${destination.source}". Add a destination with source: ${model.source}.`,
    );
  }
}

/** What else than a warehouse has this name, and also is a source to people. */
function kindOfOther(name: string, { eventStreams, spaces }: Referring): string | null {
  if (eventStreams.names.includes(name)) return 'an event stream';
  return spaces.names.includes(name) ? 'a profile space' : null;
}

function checkCounts(mappings: Entries<'mappings'>, mostMappings: number, faults: FaultList): void {
  const counts = new Map<string, number>();
  for (const [name, { destination }] of mappings.shaped) {
    if (faults.isStandIn(['mappings', name, 'destination'])) continue;
    const count = (counts.get(destination) ?? 0) + 1;
    counts.set(destination, count);
    if (count !== mostMappings + 1) continue;
    faults.addKey(
      ['mappings', name],
      `this is one mapping too many: the destination "${destination}" can have ${mostMappings}. Add a second destination.`,
    );
  }
}

async function readModel(
  name: string,
  shape: Shaped<'models'>,
  sources: Entries<'sources'>,
  faults: FaultList,
  options: FileOptions,
): Promise<ModelDefinition> {
  const { source, identifier, description, enabled } = shape;
  const here = ['models', name];
  if ((shape.query === undefined) === (shape.query_file === undefined)) {
    faults.addKey(here, 'a model has either query or query_file.');
  }
  const texts: [string, string][] = shape.query === undefined ? [] : [['query', shape.query]];
  if (shape.query_file !== undefined) {
    const file = path.resolve(options.baseFolder, shape.query_file);
    texts.push(['query_file', await readText(file, [...here, 'query_file'], faults)]);
  }
  const engine = faults.isStandIn(['sources', source, 'engine']) ? undefined : sources.shaped.get(source)?.engine;
  for (const [key, text] of texts) {
    const fault = queryFault(engine, text, options.checks);
    if (fault !== null) faults.add([...here, key], fault);
  }
  const query = texts.at(-1)?.[1] ?? '';
  const title = shape.title ?? null;
  return { name, title, source, description, query, identifierColumn: identifier, enabled, schedule: null };
}

/** Without a known engine, what every one of them would say. */
function queryFault(engine: string | undefined, query: string, checks: MappingChecks): string | null {
  if (engine !== undefined) return checks.checkModelSql(engine, query);
  const [first = null, ...others] = engineNames.map((name) => checks.checkModelSql(name, query));
  return others.every((other) => other === first) ? first : null;
}

function readDestination(
  name: string,
  shape: Shaped<'destinations'>,
  faults: FaultList,
  checks: MappingChecks,
): DestinationDefinition {
  const { source, enabled } = shape;
  const settings = shape.settings as unknown as DestinationDefinition['settings'];
  const here = ['destinations', name, 'settings'];
  // An endpoint that is not known is taken for `local`, which needs nothing.
  for (const { where, message } of checks.checkDestinationSettings(settings)) faults.addBelow(here, where, message);
  return {
    name,
    title: shape.title ?? null,
    source,
    slug: 'actions-segment-profiles',
    settings,
    enabled,
  };
}
