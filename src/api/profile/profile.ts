/**
 * The Profile API (`docs/profile-api.md`). In: requests for profiles of a space, with a token of it. Out: JSON. Promised:
 * it reads through `SpaceReader` only, changes nothing but by `deleteIdentifier`, answers 401 before anything else, and
 * never speaks CORS.
 */
import type { FastifyInstance } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';
import type { SpaceReader } from '../../space/space.ts';
import { type AccessDeps, profileAccess } from './access.ts';
import { eventsRoute } from './events.ts';
import { externalIdsRoute } from './external-ids.ts';
import { type DeleteIdentifier, identifierDeletionRoute } from './identifier-deletion.ts';
import { linksRoute } from './links.ts';
import { listRoute } from './list.ts';
import { metadataRoute } from './metadata.ts';
import { traitsRoute } from './traits.ts';

export interface ProfileApiDeps extends AccessDeps {
  readonly reader: SpaceReader;
  readonly deleteIdentifier: DeleteIdentifier;
}

const accept = (value: unknown) => ({ value });

export async function profileApi(app: FastifyInstance, deps: ProfileApiDeps): Promise<void> {
  const access = profileAccess(deps);
  app.decorateRequest('spaceNo', 0);
  // Path parameters are read from the raw path, with answers of their own; their schemas are for the document.
  app.setValidatorCompiler((route) => (route.httpPart === 'querystring' ? validatorCompiler(route as never) : accept));
  app.setSerializerCompiler(() => JSON.stringify);
  const routes = [
    ...[traitsRoute, externalIdsRoute, metadataRoute, linksRoute, listRoute].map((route) => route(deps.reader)),
    eventsRoute(deps.reader, deps.clock),
    identifierDeletionRoute({ access, deleteIdentifier: deps.deleteIdentifier, clock: deps.clock }),
  ];
  for (const { url, schema, ...rest } of routes) {
    const route = { method: 'GET', onRequest: access.letIn(), ...rest } as const;
    app.route({ ...route, url: `/v1/spaces/:space${url}`, schema });
    const alias = { ...schema, operationId: undefined, hide: true };
    app.route({ ...route, url: `/v1/namespaces/:space${url}`, schema: alias });
  }
}
