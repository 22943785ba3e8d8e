/**
 * The Segment Profiles destination. In: an action and a payload. Out: the message, or the validation error. Promised:
 * fields, defaults, checks, texts and messages exactly as the original (`destination.md`). Actions are data plus one
 * function.
 */
import type { Fault } from '../base/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import { endpoints, type Setting, settings } from './endpoints.ts';
import { type PageLimits, pagesOf } from './page.ts';
import { sendGroup } from './send-group.ts';
import { sendIdentify } from './send-identify.ts';
import { sendSubscription } from './send-subscription.ts';
import { sendTrack } from './send-track.ts';

export type ActionSlug = 'sendIdentify' | 'sendGroup' | 'sendTrack' | 'sendSubscription';

export { checkSettings } from './check-settings.ts';
export { type ConnectionOptions, type ConnectionTest, testConnection } from './connection.ts';
export type { PageLimits } from './page.ts';
export { type DynamicChoices, type FieldChoice, listProfileSpaces, type SpaceOptions } from './profile-spaces.ts';
export { type BaseUrls, publicApiUrlOf, type RegionUrls, regionUrls, trackingUrlOf } from './region-urls.ts';

export interface Field {
  readonly label: string;
  readonly description: string;
  readonly type: 'string' | 'object' | 'datetime' | 'boolean';
  readonly required: boolean;
  readonly hidden?: boolean;
  /** Its choices are looked up at the endpoint. */
  readonly dynamic?: boolean;
  readonly allowNull?: boolean;
  /** Object fields: edited as key and value rows. */
  readonly keyValue?: boolean;
  /** The directive, or literal, used when a mapping says nothing. */
  readonly default?: Json;
}

export type BuildResult =
  | { readonly ok: true; readonly space: string; readonly message: JsonObject }
  | { readonly ok: false; readonly code: 'PAYLOAD_VALIDATION_FAILED'; readonly reason: string };

/** Of the fields `oneOf` at least one; with `when`, only if one of those is there. Otherwise every row is refused. */
export interface Need {
  readonly when?: readonly string[];
  readonly oneOf: readonly string[];
}

export interface Action {
  readonly slug: ActionSlug;
  readonly title: string;
  readonly description: string;
  /** FQL over the vendor's events; null when there is none. A mapping of row changes has a trigger on the change. */
  readonly defaultTrigger: string | null;
  readonly fields: Readonly<Record<string, Field>>;
  /** What no field says by itself, so that a form can tell it before rows are sent. `build` is what checks it. */
  readonly needs: readonly Need[];
  /** Checks a payload and makes its message. Never throws for bad payloads. */
  build(payload: JsonObject, settings: { readonly endpoint: string }): BuildResult;
}

export const actions: Readonly<Record<ActionSlug, Action>> = { sendIdentify, sendGroup, sendTrack, sendSubscription };

/** The destination itself, as the catalog shows it. */
export const segmentProfiles = {
  name: 'Segment Profiles',
  slug: 'actions-segment-profiles',
  metadataId: '639c2dbb1309fdcad13951b6',
  mode: 'cloud',
  settings: settings as Readonly<Record<string, Setting>>,
  endpoints,
  actions,
  /** The vendor's limit per destination. */
  maxMappings: 50,
} as const;

/** The pages of `docs/` about it, by file name. */
export function destinationPages(limits: PageLimits): Readonly<Record<string, string>> {
  return pagesOf(segmentProfiles, limits);
}

type FieldMappings = Readonly<Record<string, Json>>;

/** Settings of the vendor's that clients keep among the field mappings; they are stored, and mean nothing here. */
const reserved = ['__segment_internal_sync_mode', 'enable_batching', 'batch_size', 'retlOnMappingSave'] as const;

/**
 * The field mappings that have an effect, with the action's defaults for the fields left out. A field set to null stays
 * null.
 */
export function fillDefaults(action: Action, fields: FieldMappings): FieldMappings {
  const filled: Record<string, Json> = { ...fields };
  for (const name of reserved) delete filled[name];
  for (const [name, field] of Object.entries(action.fields)) {
    if (field.default !== undefined && !Object.hasOwn(fields, name)) filled[name] = field.default;
  }
  return filled;
}

/** Settings of the vendor's that travel with the field mappings, e.g. the root directive. */
const internalPrefix = '__segment_internal_';

/** Names that are not fields of the action, required fields that are missing or empty, and a space that is none. */
export function checkFields(action: Action, fields: FieldMappings): readonly Fault[] {
  const names = Object.keys(action.fields);
  const unknown = Object.keys(fields)
    .filter((name) => !Object.hasOwn(action.fields, name) && !name.startsWith(internalPrefix))
    .map((name) => ({ where: name, message: `is not a field of ${action.title}; its fields are ${names.join(', ')}` }));
  const missing = names
    .filter((name) => action.fields[name]?.required && isEmpty(fields[name] ?? action.fields[name]?.default))
    .map((name) => ({
      where: name,
      message: `${name} (${action.fields[name]?.label}) is required by ${action.title}`,
    }));
  const unchosen = names
    .filter((name) => action.fields[name]?.dynamic && !canBeChosen(fields[name]))
    .map((name) => ({ where: name, message: `${name} (${action.fields[name]?.label}) must be text or a directive` }));
  return [...unknown, ...missing, ...unchosen];
}

/** What is chosen from a list is text, or computed from the row. */
function canBeChosen(value: Json | undefined): boolean {
  if (isEmpty(value) || typeof value === 'string') return true;
  if (!isJsonObject(value)) return false;
  const { '@literal': literal } = value;
  if (literal !== undefined) return !isEmpty(literal) && canBeChosen(literal);
  return Object.keys(value).some((key) => key.startsWith('@'));
}

function isEmpty(value: Json | undefined): boolean {
  return value === undefined || value === null || value === '';
}
