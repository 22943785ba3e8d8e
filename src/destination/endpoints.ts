/** Where messages can go, and the settings of the destination that say so. Hosts are the vendor's. */
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
    description:
      'A token of the Public API with Source Admin permission. It lists profile spaces and tests the connection; messages are sent without it.',
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
