/** What the Public API answers, as far as the app reads it (`docs/public-api.md`). */
import type { JsonObject, JsonValue } from './json.ts';

export interface Option {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly label?: string;
  readonly description?: string;
  readonly defaultValue?: JsonValue;
  /** All that it takes. */
  readonly choices?: readonly string[];
}

export interface SourceMetadata {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly description: string;
  readonly options: readonly Option[];
  readonly categories: readonly string[];
  readonly status: string;
}

export interface Source {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly metadata: SourceMetadata;
  readonly enabled: boolean;
  readonly writeKeys: readonly string[];
  readonly settings: JsonObject;
  readonly labels: readonly { readonly key: string; readonly value: string }[];
}

export interface Model {
  readonly id: string;
  readonly sourceId: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly query: string;
  readonly queryIdentifierColumn: string;
}

export interface ActionField {
  readonly id: string;
  readonly fieldKey: string;
  readonly label: string;
  readonly type: string;
  readonly description: string;
  readonly defaultValue: JsonValue;
  readonly required: boolean;
  readonly dynamic: boolean;
  readonly hidden: boolean;
}

/** Of the fields `oneOf` at least one must be mapped; with `when`, only if one of those is. */
export interface Need {
  readonly when?: readonly string[];
  readonly oneOf: readonly string[];
}

export interface Action {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  readonly fields: readonly ActionField[];
  readonly needs: readonly Need[];
}

export interface DestinationMetadata {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly description: string;
  readonly options: readonly Option[];
  readonly actions: readonly Action[];
}

export interface Destination {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly metadata: DestinationMetadata;
  readonly sourceId: string;
  readonly settings: JsonObject;
}

export type Schedule =
  | { readonly strategy: 'MANUAL'; readonly config?: null }
  | { readonly strategy: 'PERIODIC'; readonly config: { readonly interval: string } }
  | {
      readonly strategy: 'SPECIFIC_DAYS';
      readonly config: {
        readonly days: readonly number[];
        readonly hours: readonly number[];
        readonly timezone: string;
      };
    }
  | { readonly strategy: 'CRON'; readonly config: { readonly spec: string; readonly timezone: string } };

/** What the Public API calls a subscription. */
export interface Mapping {
  readonly id: string;
  readonly name: string;
  readonly actionId: string;
  readonly actionSlug: string;
  readonly destinationId: string;
  readonly enabled: boolean;
  readonly settings: JsonObject;
  readonly trigger: string;
  /** Fields whose nulls are left out instead of sent. */
  readonly skipNulls: readonly string[];
  readonly modelId?: string;
  readonly reverseETLSchedule?: Schedule;
}

export interface Space {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
}

export interface Phase {
  readonly errorCode: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

export interface Sync {
  readonly syncId: string;
  readonly modelId: string;
  readonly sourceId: string;
  readonly syncStatus: 'IN_PROGRESS' | 'SUCCESS' | 'PARTIAL_SUCCESS' | 'FAIL' | 'CANCELLING' | 'CANCELLED';
  readonly duration: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly extractPhase?: Phase & {
    readonly addedCount: string;
    readonly updatedCount: string;
    readonly deletedCount: string;
    readonly extractCount: string;
  };
  readonly loadPhase?: Phase & { readonly deliverSuccessCount: string; readonly deliverFailureCount: string };
  readonly error?: string;
  readonly errorCode?: string;
}

export interface Me {
  readonly person: { readonly id: string; readonly name: string; readonly email: string };
  readonly grant: {
    readonly role: 'owner' | 'member';
    readonly permissions: readonly { readonly role: string; readonly resources: JsonValue }[];
  };
  /** What they may do somewhere at least. */
  readonly powers: readonly string[];
  readonly workspace: { readonly id: string; readonly name: string };
  readonly csrfToken: string;
}
