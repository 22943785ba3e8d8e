/** A route of the Public API, as data plus one function. */
import type { Json } from '../../base/json.ts';
import type { Actor, Power, WorkspaceGrant } from '../../workspace/workspace.ts';
import type { PublicRefusal } from './errors.ts';
import type { Query } from './query.ts';
import type { Version } from './versions.ts';

export interface PublicRequest {
  readonly grant: WorkspaceGrant;
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Undefined when there is none. */
  readonly body: Json | undefined;
  /** Aborted when the caller is gone before the answer. */
  readonly signal: AbortSignal;
}

export interface PublicRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the root of the API. */
  readonly url: string;
  /** In which it is offered, the most mature first. */
  readonly versions: readonly Version[];
  /** What it takes somewhere in the workspace; where exactly is checked by the route. */
  readonly needs: Power;
  /** Requests in a minute that the vendor takes at most; left out: as many as elsewhere. */
  readonly perMinute?: number;
  /** Of a success; 200 when left out. */
  readonly status?: 201;
  handle(request: PublicRequest): Promise<PublicAnswer | PublicRefusal>;
}

/** As the audit trail names who asks. */
export function actorOf({ tokenId, tokenName }: WorkspaceGrant): Actor {
  return { id: tokenId, name: tokenName };
}

export interface PublicAnswer {
  readonly data: object;
  readonly headers?: Readonly<Record<string, string>>;
}
