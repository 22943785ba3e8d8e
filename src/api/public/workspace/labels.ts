/** `/labels` and `/sources/{sourceId}/labels`: words on sources. Roles may hold at the sources of a label. */
import { z } from 'zod';
import { storableText } from '../../../base/text.ts';
import {
  addLabel,
  type Label,
  listLabels,
  putSourceLabels,
  removeLabel,
  type WorkspaceGrant,
} from '../../../workspace/workspace.ts';
import { readBody, text } from '../body.ts';
import { readConfig } from '../config.ts';
import { conflict, type InputFault, inputInvalid, isRefusal, notFound, type PublicRefusal } from '../errors.ts';
import type { PublicApiDeps } from '../public.ts';
import { allSources, pickSource, readSourceLabels } from '../reverse-etl/source-list.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';

export function labelRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const changing = { versions: allVersions, needs: 'workspace:admin', perMinute: 60 } as const;
  const ofSource = { url: '/sources/:sourceId/labels', versions: allVersions, needs: 'source:admin' } as const;
  return [
    {
      ...{ method: 'GET', url: '/labels', versions: allVersions, needs: 'workspace:read' },
      handle: async () => ({ data: { labels: (await listLabels(deps.db.pool)).map(labelBody) } }),
    },
    {
      ...{ method: 'POST', url: '/labels', ...changing, status: 201 },
      handle: (request) => create(deps, request),
    },
    {
      ...{ method: 'DELETE', url: '/labels/:key/:value', ...changing },
      async handle({ params, grant }) {
        const label = { key: params.key as string, value: params.value as string };
        const wasThere = await removeLabel(deps.db, actorOf(grant), label);
        return wasThere ? { data: { status: 'SUCCESS' } } : notFound('Label', `${label.key}:${label.value}`);
      },
    },
    { ...{ method: 'POST', ...ofSource }, handle: (request) => put(deps, request, 'add') },
    { ...{ method: 'PUT', ...ofSource }, handle: (request) => put(deps, request, 'replace') },
  ];
}

const word = text().refine((value) => value.trim() !== '' && !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(value), {
  error: 'must be text on one line',
});
const newLabel = z.object({
  label: z.object({
    key: word,
    value: word,
    description: z
      .string()
      .max(1_000)
      .refine((value) => storableText(value), { error: 'must be a text without NUL' })
      .optional(),
  }),
});
const labelRefs = z.object({ labels: z.array(z.object({ key: word, value: word })).max(100) });

async function create({ db }: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const given = readBody(newLabel, body, faults);
  if (given === null) return inputInvalid(faults);
  const { key, value, description = null } = given.label;
  const label: Label = { key, value, description };
  const isNew = await addLabel(db, actorOf(grant), label);
  return isNew ? { data: { label: labelBody(label) } } : conflict('A label with this key and value is there already.');
}

async function put(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
  how: 'add' | 'replace',
): Promise<PublicAnswer | PublicRefusal> {
  const { db } = deps;
  const sources = allSources(await readConfig(deps), await readSourceLabels(db.pool));
  const source = pickSource(sources, params.sourceId as string, grant, 'source:admin');
  if (isRefusal(source)) return source;
  const faults: InputFault[] = [];
  const given = readBody(labelRefs, body, faults);
  if (given === null) return inputInvalid(faults);
  const { id, slug: name } = source;
  const { labels, unknown } = await putSourceLabels(db, actorOf(grant), { id, name }, given.labels, how);
  if (unknown.length === 0) return { data: { labels: labels.map(labelBody) } };
  return inputInvalid(
    unknown.map((at) => ({ field: `labels.${at}`, message: `"labels.${at}" is no label of the workspace` })),
  );
}

function actorOf({ tokenId: id, tokenName: name }: WorkspaceGrant) {
  return { id, name };
}

function labelBody({ key, value, description }: Label) {
  return description === null ? { key, value } : { key, value, description };
}
