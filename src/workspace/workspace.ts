/**
 * The workspace: what people configure. In: definitions from a file or an API. Out: sources, models, destinations,
 * mappings, event streams, spaces, tokens and OAuth apps, checked and stored; and beside them the usage, counted and read. Promised: a
 * faulty definition changes nothing and every fault is listed; secrets are encrypted at rest and never returned; tokens
 * and the ids of the usage are stored as hashes.
 */
import type { Json, JsonObject } from '../base/json.ts';
import type { Queryable } from '../db/db.ts';
import type { ActionSlug } from '../destination/destination.ts';
import type { SpaceSettings } from '../space/space.ts';
import type { ModelSchedule, Schedule } from './schedules.ts';
import type { Secrets } from './secrets.ts';

export { alertRuleFaults, type RuleFault } from './alert-rules.ts';
export { findAlert, listAlerts, type MappingPlace, mappingNames, mappingPlaces } from './alerts.ts';
export { type Applied, runApply } from './apply.ts';
export {
  type Actor,
  type AuditEvent,
  type AuditNote,
  type AuditQuery,
  commandLine,
  readAudit,
  recordAudit,
} from './audit.ts';
export type { AlertDefinition, Kind } from './definitions.ts';
export { createDiscardLog, type DiscardLog, type Discards, pruneDiscards, readDiscards } from './discards.ts';
export { type Draft, type EditContext, type Edited, editWorkspace } from './edit.ts';
export {
  type EventCount,
  type EventQuestion,
  foldEventCounts,
  forgetGoneNames,
  messagesByEvent,
} from './event-counts.ts';
export { type CountedEvent, countedEvent, otherNames } from './event-names.ts';
export {
  createEventStream,
  findEventStream,
  findStreamByWriteKey,
  listEventStreams,
  type NewEventStream,
  removeEventStream,
  setEventStreamEnabled,
} from './event-streams.ts';
export { addLabel, type Label, listLabels, putSourceLabels, removeLabel, type SourceLabels } from './labels.ts';
export { lockWorkspace } from './lock.ts';
export {
  bumpEpoch,
  currentEpoch,
  findDestination,
  findMapping,
  findModel,
  findSource,
  outsideDestinations,
  readWorkspace,
  type ScheduledMapping,
  scheduledMappings,
} from './lookup.ts';
export { fieldFaults, namedSpace, skipNullFault, triggerFault } from './mapping-rules.ts';
export {
  type CountedPart,
  foldMessageCounts,
  messagesTaken,
  type Stretch,
} from './message-counts.ts';
export { nameFrom } from './names.ts';
export {
  addOauthKey,
  createOauthApp,
  findOauthApp,
  isOauthId,
  listOauthApps,
  type NewOauthApp,
  type OauthApp,
  type OauthKey,
  type OauthScope,
  removeOauthApp,
  removeOauthKey,
  type TokenDays,
  tokenDays,
} from './oauth-apps.ts';
export {
  findOauthGrant,
  findSigningKey,
  issueOauthToken,
  type OauthGrant,
  pruneOauth,
  type SigningKey,
  type TokenRequest,
} from './oauth-tokens.ts';
export { type NamedMapping, type NamedSource, type Origins, readOrigins } from './origins.ts';
export {
  createPasswords,
  longestPassword,
  type PasswordCheck,
  type Passwords,
  passwordFault,
  type ScryptParameters,
  shortestPassword,
  usualParameters,
} from './passwords.ts';
export {
  actorOf,
  changeGrant,
  findPerson,
  hasPeople,
  type Invitation,
  type Invited,
  invitePeople,
  invitePerson,
  isEmail,
  type LinkInfo,
  listPeople,
  makeFirstLink,
  type Person,
  readLink,
  removePeople,
  removePerson,
  renamePerson,
  resetPassword,
  takeLink,
} from './people.ts';
export {
  type ApplyOptions,
  type ApplyPlan,
  type PlanChange,
  type PlanEntry,
  planApply,
  type SpaceHasProfiles,
} from './plan.ts';
export {
  type Grant,
  isRole,
  type LabelRef,
  may,
  mayAnywhere,
  mayGive,
  type Permission,
  type Power,
  powers,
  type Resource,
  type ResourceRef,
  type RoleSlug,
  roles,
} from './roles.ts';
export {
  durationSeconds,
  type ModelSchedule,
  nextRun,
  type Schedule,
  type ScheduleLimits,
  scheduleFaults,
  usualScheduleLimits,
} from './schedules.ts';
export { maskSettings, secretShown } from './secret-settings.ts';
export { openSecrets, type Secrets, type SecretsOptions } from './secrets.ts';
export {
  beginSession,
  type Caller,
  csrfTokenOf,
  endSession,
  findSession,
  listSessions,
  pruneSessions,
  type Session,
  type SessionLives,
  type SignedIn,
} from './sessions.ts';
export {
  changePassword,
  endOwnSessions,
  type PasswordOutcome,
  type SignInOutcome,
  signIn,
  signOut,
} from './sign-in.ts';
export { pruneSignInFailures } from './sign-in-attempts.ts';
export { type SpaceInput, settingsOfInput, shownSettings, spaceInput } from './space-input.ts';
export { createSpace, findSpace, listSpaces } from './spaces.ts';
export { whyNotRunning } from './switches.ts';
export { endToken, grantToken } from './token-changes.ts';
export {
  createToken,
  createWorkspaceToken,
  listTokens,
  revokeToken,
  type Token,
  type TokenRole,
  verifyToken,
  verifyWorkspaceToken,
  type WorkspaceGrant,
} from './tokens.ts';
export { type CountedMessage, type Counting, countCalls, createUsage, type Usage, type UsageOptions } from './usage.ts';
export { periodAt } from './usage-period.ts';
export {
  apiCallsDaily,
  type DailyApiCalls,
  type DailyExempt,
  type DailyMtu,
  exemptDaily,
  mtuDaily,
  trackedUsers,
} from './usage-reports.ts';
export { type UsageReport, usageReports } from './usage-wire.ts';
export {
  type FileOptions,
  type MappingChecks,
  parseWorkspaceFile,
  type WorkspaceFile,
} from './workspace-file.ts';
export { isWriteKey, newWriteKey } from './write-keys.ts';

export interface Source {
  readonly id: string;
  /** Unique in the workspace: `^[a-z0-9][a-z0-9_-]{0,99}$`. So are the names below. */
  readonly name: string;
  /** What people call it; null: its name. So are the titles below. */
  readonly title: string | null;
  readonly engine: 'duckdb' | 'postgres';
  /** As `openWarehouse` takes them, secrets filled in; never printed. */
  readonly settings: JsonObject;
  /** Settings that mean nothing here, kept for the client of the Public API that sent them. */
  readonly extraSettings: JsonObject;
  /** Only shown: nothing is received under them. */
  readonly writeKeys: readonly string[];
  readonly enabled: boolean;
  readonly createdAt: Date;
}

export interface Model {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly sourceId: string;
  readonly description: string;
  readonly query: string;
  readonly identifierColumn: string;
  readonly enabled: boolean;
  /** Of mappings made later that say nothing themselves; null: none was given. */
  readonly schedule: ModelSchedule | null;
  readonly createdAt: Date;
}

export interface Destination {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  /** The source it is connected to. */
  readonly sourceId: string;
  /** `actions-segment-profiles`. */
  readonly slug: string;
  readonly settings: JsonObject & { readonly endpoint: string };
  /** False: the settings leave the endpoint to us. */
  readonly endpointIsGiven: boolean;
  readonly enabled: boolean;
  readonly createdAt: Date;
}

export interface Mapping {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly destinationId: string;
  readonly modelId: string;
  readonly action: ActionSlug;
  /** FQL over the change event, e.g. `event = "new" or event = "updated"`. */
  readonly trigger: string;
  /** Field id → directive or literal, as somebody wrote them: without the defaults of the action. */
  readonly fields: Readonly<Record<string, Json>>;
  /** Optional fields whose null values are not sent. */
  readonly skipNulls: readonly string[];
  readonly enabled: boolean;
  /** Goes up with each reset; part of message ids. */
  readonly epoch: number;
  /** The first sync records the state and sends nothing. */
  readonly skipBackfill: boolean;
  /** Stop before loading when more than this share (percent) of the rows would be updated or deleted; null: never. */
  readonly guardPercent: number | null;
  /** Null: it runs only when somebody starts it. */
  readonly schedule: Schedule | null;
  readonly createdAt: Date;
}

export interface Space {
  readonly id: string;
  readonly no: number;
  readonly name: string;
  readonly title: string | null;
  /** Of the source that stands for it; stays when the title changes. */
  readonly sourceName: string;
  readonly settings: SpaceSettings;
  /** What a mapping's Profile Space field holds. */
  readonly writeKey: string;
  readonly createdAt: Date;
}

/** A source of the kind "event stream": whoever has its write key sends messages with any Segment SDK. */
export interface EventStream {
  /** `evs_…`; the source id of what it sends. */
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  /** Not a secret where browsers send: it can write and read nothing. */
  readonly writeKey: string;
  /** Further ones that stand for it as well. */
  readonly moreWriteKeys: readonly string[];
  /** Each of its messages is offered to each of these; at least one. */
  readonly spaces: readonly Space[];
  readonly enabled: boolean;
  /** Its senders are browsers and phones: a missing `context.ip` is that of the connection. */
  readonly clientSide: boolean;
  readonly createdAt: Date;
  /** Its write key alone is not enough: senders also need an access token of an OAuth app. */
  readonly oauthEnforced: boolean;
}

/** What an alert can be about. */
export type AlertEvent = 'sync_failed' | 'sync_partly_failed' | 'delivery_rate' | 'schedule_missed';

/** Where a notice goes, beside the list of notices that every alert has. URLs are secrets: whoever has one can write there. */
export type AlertChannel =
  | { readonly webhook: { readonly url: string; readonly secret?: string } }
  | { readonly email: { readonly to: readonly string[] } }
  | { readonly slack: { readonly url: string } };

export interface Alert {
  readonly id: string;
  readonly name: string;
  readonly title: string | null;
  readonly on: readonly AlertEvent[];
  /** Null: all, also those that come later. */
  readonly mappingIds: readonly string[] | null;
  /** Of `delivery_rate`: the share of delivered rows under which it is true. */
  readonly thresholdPercent: number | null;
  /** Secrets in clear; never printed. */
  readonly channels: readonly AlertChannel[];
  readonly enabled: boolean;
  readonly createdAt: Date;
}

/** The database and the box that opens the secrets in it. */
export interface WorkspaceStore {
  readonly db: Queryable;
  readonly secrets: Secrets;
}

/** Everything that is configured, each kind in the order of names. */
export interface Workspace {
  readonly sources: readonly Source[];
  readonly models: readonly Model[];
  readonly destinations: readonly Destination[];
  readonly mappings: readonly Mapping[];
  readonly spaces: readonly Space[];
  readonly eventStreams: readonly EventStream[];
  readonly alerts: readonly Alert[];
}

/** A mapping with all it needs to run. */
export interface ResolvedMapping {
  readonly mapping: Mapping;
  readonly model: Model;
  readonly source: Source;
  readonly destination: Destination;
}
