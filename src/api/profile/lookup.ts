/** From a request to a profile: what the routes of one profile share. */
import type { FastifyReply, FastifyRequest, FastifySchema, RouteHandlerMethod, RouteOptions } from 'fastify';
import type { Collection, Profile, ProfileKey, SpaceReader } from '../../space/space.ts';
import type { ProfileParams } from './document.ts';
import { isRefusal, profileNotFound, type Refusal, refuse, sendJson } from './errors.ts';
import { readCollection, readProfileKey } from './identifier.ts';

/** One route of the Profile API, below `/v1/spaces/:space`. */
export interface ProfileRoute {
  /** Default: GET. */
  readonly method?: 'POST';
  readonly url: string;
  readonly schema: FastifySchema;
  readonly handler: RouteHandlerMethod;
  /** Default: the usual check of the token. */
  readonly onRequest?: RouteOptions['onRequest'];
  readonly bodyLimit?: number;
}

export interface ProfileAddress {
  readonly collection: Collection;
  readonly key: ProfileKey;
}

export function readAddress(request: FastifyRequest): ProfileAddress | Refusal {
  const params = request.params as ProfileParams;
  const collection = readCollection(params.collection);
  if (isRefusal(collection)) return collection;
  const key = readProfileKey(collection, params.profile);
  return isRefusal(key) ? key : { collection, key };
}

/** A handler that looks the profile up and sends the text `render` makes of it. */
export function profileHandler(
  reader: SpaceReader,
  render: (profile: Profile, request: FastifyRequest) => string | Refusal | Promise<string | Refusal>,
): RouteHandlerMethod {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const address = readAddress(request);
    if (isRefusal(address)) return refuse(reply, address);
    const profile = await reader.profile(request.spaceNo, address.collection, address.key);
    if (profile === null) return refuse(reply, profileNotFound);
    const text = await render(profile, request);
    return typeof text === 'string' ? sendJson(reply, 200, text) : refuse(reply, text);
  };
}
