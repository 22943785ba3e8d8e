/**
 * The Segment Profiles destination. In: an action and a payload. Out: the message, or the validation error. Promised:
 * fields, defaults, checks, texts and messages exactly as the original (`destination.md`). Actions are data plus one
 * function.
 */
import type { Json, JsonObject } from '../base/json.ts';

export type ActionSlug = 'sendIdentify' | 'sendGroup' | 'sendTrack' | 'sendSubscription';

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

export interface Action {
  readonly slug: ActionSlug;
  readonly title: string;
  readonly description: string;
  /** FQL; null when there is none. */
  readonly defaultTrigger: string | null;
  readonly fields: Readonly<Record<string, Field>>;
  /** Checks a payload and makes its message. Never throws for bad payloads. */
  build(payload: JsonObject, settings: { readonly endpoint: string }): BuildResult;
}
