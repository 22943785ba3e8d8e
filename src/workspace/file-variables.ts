/**
 * `${VARIABLES}` in a workspace file: filled in from the environment in the settings of sources and destinations, in the
 * channels of alerts and in write keys, refused elsewhere, where they would be stored in clear. A secret written out in the file is refused too.
 */
import type { Environment } from '../base/config.ts';
import type { Json } from '../base/json.ts';
import { storableText } from '../base/text.ts';
import type { FaultList, FilePath } from './file-faults.ts';
import { holdsCredentials, isSecretName, type SettingPath } from './secret-settings.ts';
import type { FillIn } from './yaml-file.ts';

const variable = /\$\$\{|\$\{([^}]*)(\}?)/g;
const fullVariable = /(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const onlyVariable = /^\$\{[^}]*\}$/;

export function variableFiller(env: Environment, faults: FaultList): FillIn {
  return (value, path, plain) => {
    if (isWriteKeyPath(path)) return typeof value === 'string' ? fill(value, env, path, faults) : value;
    const settings = settingPath(path);
    if (settings === null) return typeof value === 'string' ? leaveAlone(value, path, faults) : value;
    const secret = settings.some((_, index) => isSecretName(settings.slice(0, index + 1)));
    if (secret && isLiteral(value)) {
      return refuse(path, literalSecret(path, settings), faults);
    }
    if (typeof value !== 'string') return value;
    if (holdsCredentials(value.replace(variable, ''))) {
      return refuse(path, literalSecret(path, settings), faults);
    }
    const filled = fill(value, env, path, faults);
    return plain && !secret && onlyVariable.test(value) ? resolvePlain(filled) : filled;
  };
}

function isWriteKeyPath(path: FilePath): boolean {
  return path[0] === 'event_streams' && path[2] === 'write_key' && path.length === 3;
}

/** A fault; what stands in for the value is not looked at further. */
function refuse(path: FilePath, message: string, faults: FaultList): null {
  faults.add(path, message);
  faults.standIn(path);
  return null;
}

/** The path inside the settings of a source or destination, or the channels of an alert; null elsewhere. */
function settingPath(path: FilePath): SettingPath | null {
  if (path[0] === 'sources' && path.length > 2) return path.slice(2);
  if (path[0] === 'destinations' && path[2] === 'settings' && path.length > 3) return path.slice(3);
  if (path[0] === 'alerts' && path[2] === 'channels' && path.length > 3) return path.slice(2);
  return null;
}

function isLiteral(value: Json): boolean {
  return value !== null && value !== '' && !(typeof value === 'string' && onlyVariable.test(value));
}

function literalSecret(path: FilePath, settings: SettingPath): string {
  const name = `${path[1]}_${settings.at(-1)}`
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .replace(/^(\d)/, '_$1');
  return (
    'a secret is written out in the file. Put it into an environment variable, ' +
    `e.g. ${name}, and write \${${name}} in its place.`
  );
}

function fill(text: string, env: Environment, path: FilePath, faults: FaultList): string {
  const found = new Set<string>();
  const filled = text.replace(variable, (match, name: string | undefined, end: string | undefined) => {
    if (name === undefined) return '${';
    if (end !== '}' || !variableName.test(name)) {
      found.add(`a variable is written \${NAME}, with letters, digits and _; write $\${ for the characters \${.`);
      return match;
    }
    const value = env[name];
    if (value === undefined) found.add(`the environment variable ${name} is not set.`);
    else if (!storableText(value)) found.add(`the environment variable ${name} holds what is not text.`);
    return value ?? '';
  });
  for (const message of found) faults.add(path, message);
  if (found.size > 0) faults.standIn(path);
  return filled;
}

/** Written without quotes, a variable means what its value would mean there: `port: ${PORT}` is a number. */
function resolvePlain(text: string): Json {
  if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  return text === 'true' ? true : text === 'false' ? false : text;
}

function leaveAlone(text: string, path: FilePath, faults: FaultList): string {
  return text.replace(fullVariable, (match, doubled: string, name: string) => {
    if (doubled === '$') return `\${${name}}`;
    faults.add(
      path,
      `\${${name}} is filled in only in the settings of sources and destinations and in the channels of alerts, which are stored ` +
        `encrypted where they are secret, and in write keys of event streams; write $\${${name}} for the characters themselves.`,
    );
    if (onlyVariable.test(text)) faults.standIn(path);
    return match;
  });
}
