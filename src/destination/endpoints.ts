/** Where messages can go, and the settings of the destination that say so. Hosts are the vendor's. */
import type { Fault } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';

export type EndpointName = 'local' | 'north_america' | 'europe' | 'custom';

export interface EndpointChoice {
  readonly value: EndpointName;
  readonly label: string;
  /** Base URLs; null for this server, and where a setting gives them. */
  readonly trackingUrl: string | null;
  readonly publicApiUrl: string | null;
}

export const endpoints: readonly EndpointChoice[] = [
  { value: 'local', label: 'This server', trackingUrl: null, publicApiUrl: null },
  {
    value: 'north_america',
    label: 'North America',
    trackingUrl: 'https://api.segment.io/v1',
    publicApiUrl: 'https://api.segmentapis.com',
  },
  {
    value: 'europe',
    label: 'Europe',
    trackingUrl: 'https://events.eu1.segmentapis.com/v1',
    publicApiUrl: 'https://eu1.api.segmentapis.com',
  },
  { value: 'custom', label: 'Custom', trackingUrl: null, publicApiUrl: null },
];

const names: ReadonlySet<string> = new Set(endpoints.map((endpoint) => endpoint.value));

export function isEndpoint(name: string): name is EndpointName {
  return names.has(name);
}

export interface Setting {
  readonly label: string;
  readonly description: string;
  readonly type: 'string' | 'password';
  /** The endpoints for which it must be given; empty when it may always be left out. */
  readonly requiredFor: readonly EndpointName[];
  readonly default?: string;
  readonly choices?: readonly EndpointChoice[];
}

export const settings = {
  segment_papi_token: {
    label: 'Segment Public API Token',
    description: 'Bearer token with Source Admin permission; lists profile spaces and tests the connection.',
    type: 'password',
    requiredFor: ['north_america', 'europe'],
  },
  endpoint: {
    label: 'Endpoint Region',
    description: 'Where messages go.',
    type: 'string',
    requiredFor: ['local', 'north_america', 'europe', 'custom'],
    default: 'local',
    choices: endpoints,
  },
  tracking_url: {
    label: 'Tracking API URL',
    description: 'Base URL of the Tracking API of a custom endpoint, e.g. https://events.example.com/v1.',
    type: 'string',
    requiredFor: ['custom'],
  },
  public_api_url: {
    label: 'Public API URL',
    description: 'Base URL of the Public API of a custom endpoint, where its profile spaces are looked up.',
    type: 'string',
    requiredFor: [],
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** Other Tracking APIs than the vendor's, by endpoint. */
export type TrackingUrls = Readonly<Partial<Record<EndpointName, string | undefined>>>;

/** Where the messages of a destination go; null when its settings do not say, or say `local`. */
export function trackingUrlOf(given: JsonObject, instead: TrackingUrls = {}): string | null {
  const choice = endpoints.find(({ value }) => value === given.endpoint);
  if (choice === undefined || choice.value === 'local') return null;
  const url = choice.value === 'custom' ? given.tracking_url : (instead[choice.value] ?? choice.trackingUrl);
  return typeof url === 'string' && isBaseUrl(url) ? url : null;
}

/** Settings that are missing for the chosen endpoint, and URLs that are none. */
export function checkSettings(given: JsonObject): readonly Fault[] {
  const faults: Fault[] = [];
  for (const [where, setting] of Object.entries<Setting>(settings)) {
    const value = given[where] ?? setting.default;
    const required = setting.requiredFor.some((endpoint) => endpoint === (given.endpoint ?? settings.endpoint.default));
    if (required && (value === undefined || value === '')) {
      faults.push({ where, message: `${where} (${setting.label}) is required for the endpoint ${given.endpoint}.` });
    }
  }
  for (const where of ['tracking_url', 'public_api_url'] as const) {
    const url = given[where];
    if (typeof url !== 'string' || url === '' || isBaseUrl(url)) continue;
    const form = 'a URL such as https://events.example.com/v1, without user, query and fragment';
    faults.push({ where, message: `${where} must be ${form}.` });
  }
  return faults;
}

/** A write key goes along in a header, so a URL has no place for a user. */
function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text) || /[?#]/.test(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}
