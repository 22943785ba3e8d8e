/** The settings of a source are written `state_path` in the file and named `statePath` in code; only the top level is. */
import type { JsonObject } from '../base/json.ts';

export function nameInCode(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function nameInFile(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, (_, before: string, letter: string) => `${before}_${letter.toLowerCase()}`);
}

export function settingsInFile(settings: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [nameInFile(name), value]));
}
