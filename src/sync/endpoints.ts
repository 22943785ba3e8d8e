/** Where the messages of a mapping go. */
import { isMillraceError, MillraceError } from '../base/errors.ts';
import type { Endpoint } from '../delivery/delivery.ts';
import type { SpaceRef, SpaceWriter } from '../space/space.ts';
import { createUsage, findSpace, type ResolvedMapping } from '../workspace/workspace.ts';
import type { Journal } from './journal.ts';
import { type LocalEndpointOptions, openLocalEndpoint } from './local-endpoint.ts';
import type { SyncContext } from './runner.ts';

/** The endpoint that the destination's settings name. Error `endpoint_unsupported`. */
export async function openEndpoint(context: SyncContext, job: ResolvedMapping, journal: Journal): Promise<Endpoint> {
  if (context.openEndpoint !== undefined) return context.openEndpoint(job);
  checkLocal(job);
  const usage = createUsage({ clock: context.clock });
  const onEffects: LocalEndpointOptions['onEffects'] = async (effects, _, tx, { space, applied }) => {
    await journal.recordEffects(tx, effects);
    // What this destination writes is free, and shown apart.
    await usage.exempt(tx, space.no, space.id, applied);
  };
  return localEndpoint(context, context.writer, onEffects);
}

/** Of a plan: the same endpoint over a writer that leaves no trace. Error `endpoint_unsupported`. */
export function planEndpoint(
  context: SyncContext,
  job: ResolvedMapping,
  writer: SpaceWriter,
  onEffects: LocalEndpointOptions['onEffects'],
): Endpoint {
  checkLocal(job);
  return localEndpoint(context, writer, onEffects);
}

function checkLocal({ destination }: ResolvedMapping): void {
  const { endpoint } = destination.settings;
  if (endpoint === 'local') return;
  throw new MillraceError(
    'endpoint_unsupported',
    `The destination ${destination.name} has the endpoint ${endpoint}; this version sends to "local" only.`,
  );
}

function localEndpoint(
  { db, clock }: SyncContext,
  writer: SpaceWriter,
  onEffects: LocalEndpointOptions['onEffects'],
): Endpoint {
  const find = async (key: string): Promise<SpaceRef | null> => {
    try {
      const { id, no, settings } = await findSpace(db.pool, key);
      return { id, no, settings };
    } catch (error) {
      if (isMillraceError(error, 'not_found')) return null;
      throw error;
    }
  };
  return openLocalEndpoint({ db, clock, writer, findSpace: find, ...(onEffects === undefined ? {} : { onEffects }) });
}
