/** The base URLs of a destination: the vendor's, those of the configuration instead, or those of its own settings. */
import type { JsonObject } from '../base/json.ts';
import type { Config } from '../base/options.ts';
import { type EndpointChoice, type EndpointName, endpoints } from './endpoints.ts';

/** Other base URLs than the vendor's, by endpoint. */
export type BaseUrls = Readonly<Partial<Record<EndpointName, string | undefined>>>;

export interface RegionUrls {
  readonly tracking: BaseUrls;
  readonly publicApi: BaseUrls;
}

type UrlOptions = Pick<
  Config,
  'trackingUrlNorthAmerica' | 'trackingUrlEurope' | 'publicApiUrlNorthAmerica' | 'publicApiUrlEurope'
>;

/** What the configuration says instead of the vendor's URLs. */
export function regionUrls(options: UrlOptions): RegionUrls {
  return {
    tracking: { north_america: options.trackingUrlNorthAmerica, europe: options.trackingUrlEurope },
    publicApi: { north_america: options.publicApiUrlNorthAmerica, europe: options.publicApiUrlEurope },
  };
}

/** Where the messages of a destination go; null when its settings do not say, or say `local`. */
export function trackingUrlOf(given: JsonObject, instead: BaseUrls = {}): string | null {
  return baseUrlOf(given, 'tracking_url', (choice) => choice.trackingUrl, instead);
}

/** Where its profile spaces are looked up; null when its settings do not say, or say `local`. */
export function publicApiUrlOf(given: JsonObject, instead: BaseUrls = {}): string | null {
  return baseUrlOf(given, 'public_api_url', (choice) => choice.publicApiUrl, instead);
}

function baseUrlOf(
  given: JsonObject,
  setting: 'tracking_url' | 'public_api_url',
  usual: (choice: EndpointChoice) => string | null,
  instead: BaseUrls,
): string | null {
  const choice = endpoints.find(({ value }) => value === given.endpoint);
  if (choice === undefined || choice.value === 'local') return null;
  const url = choice.value === 'custom' ? given[setting] : (instead[choice.value] ?? usual(choice));
  return typeof url === 'string' && isBaseUrl(url) ? url : null;
}

/** A key or a token goes along in a header, so a URL has no place for a user. */
export function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text) || /[?#\s]/.test(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}
