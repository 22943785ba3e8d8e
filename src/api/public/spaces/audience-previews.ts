/** `/spaces/{spaceId}/audiences/previews`: who would be in an audience that is not made. Asked for, then read until it is done. */
import { createPreview, findPreview } from '../../../audience/audience.ts';
import { recordAudit } from '../../../workspace/workspace.ts';
import { isRefusal, notFound } from '../errors.ts';
import type { PublicApiDeps } from '../public.ts';
import { actorOf, type PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { previewBody } from './computation-bodies.ts';
import { readNewPreview, refusalFor } from './computation-input.ts';
import { spaceOrRefusal } from './find-space.ts';

export function audiencePreviewRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const { db } = deps;
  const url = '/spaces/:spaceId/audiences/previews';
  const common = { versions: allVersions, needs: 'space:read' } as const;
  return [
    {
      ...{ ...common, method: 'POST', url, perMinute: 5 },
      async handle({ params, body, grant }) {
        const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, 'space:read');
        if (isRefusal(space)) return space;
        const wanted = readNewPreview(body);
        if (isRefusal(wanted)) return wanted;
        const made = await createPreview(deps, space.no, wanted, (tx, id) =>
          recordAudit(tx, actorOf(grant), [
            {
              ...{ type: 'Audience Preview Created', resourceType: 'audience_preview' },
              ...{ resourceId: id, resourceName: id },
            },
          ]),
        );
        return made.kind === 'refused' ? refusalFor(made) : { data: { audiencePreview: { id: made.id } } };
      },
    },
    {
      ...{ ...common, method: 'GET', url: `${url}/:id`, perMinute: 300 },
      async handle({ params, grant }) {
        const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, 'space:read');
        if (isRefusal(space)) return space;
        const id = params.id as string;
        const preview = await findPreview(db.pool, space.no, id);
        return preview === null
          ? notFound('Audience preview', id)
          : { data: { audiencePreview: previewBody(preview) } };
      },
    },
  ];
}
