/**
 * The rules for the settings of a destination, for files and APIs alike. In: settings as somebody gave them. Out: every
 * fault, each with the name of its setting. Values are never quoted: one of them is a secret.
 */
import type { Fault } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { isEndpoint, type Setting, settings } from './endpoints.ts';
import { isBaseUrl } from './region-urls.ts';

const names = Object.keys(settings);
const urlForm = 'a URL such as https://events.example.com/v1, without user, query and fragment';
const urlSettings: readonly string[] = ['tracking_url', 'public_api_url'];

/** A token that no header can carry would otherwise look like a failure of the network. */
const tokenForm = /^[\x21-\x7e]+$/;

/** Unknown settings, wrong types, what is missing for the chosen endpoint, and values that cannot be used. */
export function checkSettings(given: JsonObject): readonly Fault[] {
  const unknown = Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => ({ where: name, message: `is not a setting of this destination; they are ${names.join(', ')}` }));
  const endpoint = given.endpoint ?? settings.endpoint.default;
  const known = Object.entries<Setting>(settings).flatMap(([name, setting]) => {
    const value = given[name];
    const missing = value === undefined || value === null || value === '';
    const message = missing ? missingFault(name, setting, endpoint) : valueFault(name, value);
    return message === null ? [] : [{ where: name, message }];
  });
  return [...unknown, ...known];
}

function missingFault(name: string, setting: Setting, endpoint: unknown): string | null {
  if (setting.default !== undefined) return null;
  const required = setting.requiredFor.some((one) => one === endpoint);
  return required ? `${name} (${setting.label}) is required for the endpoint ${endpoint}.` : null;
}

function valueFault(name: string, value: unknown): string | null {
  if (typeof value !== 'string') return `${name} must be text.`;
  if (name === 'endpoint' && !isEndpoint(value)) {
    return `endpoint must be one of ${settings.endpoint.choices.map((choice) => choice.value).join(', ')}.`;
  }
  if (name === 'segment_papi_token' && !tokenForm.test(value)) {
    return 'segment_papi_token must be a token: letters, digits and signs, without blanks and line breaks.';
  }
  return urlSettings.includes(name) && !isBaseUrl(value) ? `${name} must be ${urlForm}.` : null;
}
