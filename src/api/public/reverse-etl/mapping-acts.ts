/**
 * What is done with a mapping beyond the vendor's API (alpha): a plan of its next sync, and a reset. Promised: a plan
 * changes nothing; a reset is in the audit trail, and is refused while a sync of it runs.
 */
import { z } from 'zod';
import { resetMapping, type SyncPlan } from '../../../sync/sync.ts';
import type { ResolvedMapping } from '../../../workspace/workspace.ts';
import { readBody, text } from '../body.ts';
import { answered, conflict, type InputFault, inputInvalid, isRefusal, type PublicRefusal } from '../errors.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { jobOf, mappingAt, readView } from './source-objects.ts';

/** Each reads a whole model. */
const plansAtOnce = 2;
const rowsListed = 100;

export function mappingActRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const one = '/destinations/:destinationId/subscriptions/:id';
  const acting = { method: 'POST', versions: ['alpha'], needs: 'source:admin' } as const;
  let planning = 0;
  return [
    {
      ...{ ...acting, url: `${one}/plan` },
      async handle(request) {
        if (planning >= plansAtOnce) return conflict('Other plans are being made; ask again when one is done.');
        planning++;
        try {
          return await plan(deps, request);
        } finally {
          planning--;
        }
      },
    },
    { ...{ ...acting, url: `${one}/reset` }, handle: (request) => reset(deps, request) },
  ];
}

async function jobAt(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<ResolvedMapping | PublicRefusal> {
  const view = await readView(deps, grant, 'source:admin');
  const mapping = mappingAt(view, params.destinationId as string, params.id as string);
  if (isRefusal(mapping)) return mapping;
  return jobOf(view, mapping);
}

const wantedPlan = z.object({ replayOf: text().optional() });

async function plan(deps: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const job = await jobAt(deps, request);
  if (isRefusal(job)) return job;
  const faults: InputFault[] = [];
  const wanted = readBody(wantedPlan, request.body, faults);
  if (wanted === null) return inputInvalid(faults);
  const replayOf = wanted.replayOf === undefined ? {} : { replayOf: wanted.replayOf };
  return answered(async () => ({
    plan: planBody(await deps.planMapping(job, { signal: request.signal, rowsListed, ...replayOf })),
  }));
}

function planBody({ invalidRows, failedRows, ...plan }: SyncPlan) {
  return { ...plan, invalidRows, failedRows: failedRows.map((row, no) => ({ no, ...row })) };
}

async function reset(deps: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const job = await jobAt(deps, request);
  if (isRefusal(job)) return job;
  const { tokenId: id, tokenName: name } = request.grant;
  return answered(async () => ({ reset: await resetMapping(deps.sync, job, { id, name }) }));
}
