/** A route of the Public API, as data plus one function. */
import type { Json } from '../../base/json.ts';
import type { WorkspaceGrant } from '../../workspace/workspace.ts';
import type { PublicRefusal } from './errors.ts';
import type { Query } from './query.ts';
import type { Version } from './versions.ts';

export interface PublicRequest {
  readonly grant: WorkspaceGrant;
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** Undefined when there is none. */
  readonly body: Json | undefined;
}

export interface PublicRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the root of the API. */
  readonly url: string;
  /** In which it is offered, the most mature first. */
  readonly versions: readonly Version[];
  handle(request: PublicRequest): Promise<{ readonly data: object } | PublicRefusal>;
}
