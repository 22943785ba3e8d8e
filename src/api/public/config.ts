/**
 * What is configured, as the routes read and change it. Promised: changes go the way of a workspace file; what other rooms
 * remember of mappings that are gone or begin anew is dropped after the answer, and what cannot be dropped is logged.
 */

import type { JsonObject } from '../../base/json.ts';
import type { Log } from '../../base/log.ts';
import type { Database } from '../../db/db.ts';
import type { ConnectionTest, DynamicChoices, segmentProfiles } from '../../destination/destination.ts';
import type { PlanOptions, SyncContext, SyncPlan } from '../../sync/sync.ts';
import {
  type Draft,
  type EditContext,
  type Edited,
  editWorkspace,
  type MappingChecks,
  type ResolvedMapping,
  readWorkspace,
  type Secrets,
  type Workspace,
  type WorkspaceGrant,
} from '../../workspace/workspace.ts';
import { actorOf } from './route.ts';

/** What the routes need of other rooms. */
export interface ConfigDeps extends Pick<EditContext, 'spaceHasProfiles' | 'excludeSyncs'> {
  readonly db: Database;
  readonly secrets: Secrets;
  readonly checks: MappingChecks;
  readonly destination: typeof segmentProfiles;
  /** Drops what the warehouse remembers of a mapping. */
  readonly forgetMapping: (mapping: ResolvedMapping) => Promise<unknown>;
  /** Sources over files may read below these folders; none: such sources are made by a workspace file alone. */
  readonly fileFolders: readonly string[];
  readonly log: Log;
  /** What a sync would do; it may run elsewhere than here. Errors as `planSync`. */
  readonly planMapping: (mapping: ResolvedMapping, options: PlanOptions) => Promise<SyncPlan>;
  /** What previews and test records need. */
  readonly sync: SyncContext;
  /** Asking the Public API that a destination's endpoint means. */
  readonly region: {
    testConnection(settings: JsonObject): Promise<ConnectionTest>;
    /** Of this server, those alone that may be connected. */
    profileSpaces(settings: JsonObject, mayConnect: (spaceId: string) => boolean): Promise<DynamicChoices>;
  };
}

/** Holds secrets in clear: never answer with its settings as they are. */
export function readConfig({ db, secrets }: ConfigDeps): Promise<Workspace> {
  return readWorkspace({ db: db.pool, secrets });
}

/** Errors as `editWorkspace`; a refusal that is thrown changes nothing and is the answer. */
export async function editConfig<T>(
  deps: ConfigDeps,
  grant: WorkspaceGrant,
  change: (draft: Draft) => Promise<T> | T,
): Promise<Edited<T>> {
  const { db, secrets, spaceHasProfiles, excludeSyncs } = deps;
  const actor = actorOf(grant);
  const edited = await editWorkspace({ db, secrets, actor, spaceHasProfiles, excludeSyncs }, change);
  const { resets, removedMappings, formerly } = edited.applied;
  for (const { mappingId, mapping } of [...resets, ...removedMappings]) {
    deps.forgetMapping(formerly(mappingId)).catch((error: unknown) => {
      deps.log.warn({ mapping, err: error }, 'what the warehouse remembers of a mapping could not be dropped');
    });
  }
  return edited;
}
