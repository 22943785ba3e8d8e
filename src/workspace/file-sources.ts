/** The sources of a workspace file: their settings named as the warehouse names them, with full paths. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import { storableText } from '../base/text.ts';
import type { SourceDefinition } from './definitions.ts';
import type { FaultList, FilePath } from './file-faults.ts';
import type { Shaped } from './file-shape.ts';
import { nameInCode, nameInFile } from './setting-names.ts';
import type { FileOptions } from './workspace-file.ts';

/** Settings that are files or folders, or hold some. */
const pathSettings: ReadonlySet<string> = new Set(['path', 'files', 'statePath', 'tempDirectory', 'readFrom']);
/** PEM texts, which may be given as files: `ca_file: ./ca.pem`. */
const textSettings: ReadonlySet<string> = new Set(['ca_file', 'cert_file', 'key_file']);

export async function readSource(
  name: string,
  shape: Shaped<'sources'>,
  faults: FaultList,
  options: FileOptions,
): Promise<SourceDefinition> {
  const { title = null, engine, enabled, ...given } = shape;
  const settings: Record<string, Json> = {};
  for (const [key, value] of Object.entries(given as Record<string, Json>)) {
    const here = ['sources', name, key];
    if (nameInFile(key) !== key) {
      faults.addKey(here, `there is no such key. Did you mean "${nameInFile(key)}"?`);
    } else if (textSettings.has(key) && typeof value === 'string') {
      settings[key.replace('_file', '')] = await readText(path.resolve(options.baseFolder, value), here, faults);
    } else {
      const inCode = nameInCode(key);
      settings[inCode] = pathSettings.has(inCode) ? resolvePath(value, options.baseFolder) : value;
    }
  }
  if (engine === 'duckdb' && settings.files !== undefined && options.dataFolder !== undefined) {
    settings.statePath ??= path.resolve(options.dataFolder, `state-${name}.duckdb`);
  }
  if (!faults.isStandIn(['sources', name, 'engine'])) checkSettings(name, engine, settings, faults, options);
  return { name, title, engine, settings, extraSettings: {}, enabled };
}

function checkSettings(
  name: string,
  engine: SourceDefinition['engine'],
  settings: JsonObject,
  faults: FaultList,
  options: FileOptions,
): void {
  for (const { where, message } of options.checks.checkSourceSettings(engine, settings)) {
    const [key = '', rest = ''] =
      where === 'settings' ? [] : [/^[^.[]*/.exec(where)?.[0] ?? '', where.replace(/^[^.[]*/, '')];
    faults.addBelow(['sources', name], `${nameInFile(key)}${rest}`, message);
  }
}

function resolvePath(value: Json, baseFolder: string): Json {
  if (typeof value === 'string') {
    const elsewhere = value === '' || value.startsWith(':') || /^[a-z][a-z0-9+.-]+:/i.test(value);
    return elsewhere ? value : path.resolve(baseFolder, value);
  }
  if (Array.isArray(value)) return value.map((item) => resolvePath(item as Json, baseFolder));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, item === undefined ? item : resolvePath(item, baseFolder)]),
  );
}

/** The contents of a file the workspace file names; when it cannot be used, with a fault, a text that stands in. */
export async function readText(file: string, here: FilePath, faults: FaultList, longest = 65_535): Promise<string> {
  const refuse = (message: string) => {
    faults.add(here, message);
    faults.standIn(here);
    return '';
  };
  // Another text stands for the name of a file that is not known.
  if (faults.isStandIn(here)) return '';
  try {
    const text = await readFile(file, 'utf8');
    if (text.trim() === '') return refuse(`the file ${file} is empty.`);
    if (text.length > longest) return refuse(`the file ${file} has more than ${longest} characters.`);
    return storableText(text) ? text : refuse(`the file ${file} holds what is not text.`);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return refuse(code === 'ENOENT' ? `there is no file ${file}.` : `the file ${file} cannot be read (${code}).`);
  }
}
