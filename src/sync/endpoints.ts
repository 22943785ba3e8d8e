/** Where the messages of a mapping go. */
import { isMillraceError, MillraceError } from '../base/errors.ts';
import {
  createRates,
  type Endpoint,
  type HttpSettings,
  openDryEndpoint,
  openHttpEndpoint,
  type RateOf,
} from '../delivery/delivery.ts';
import { type BaseUrls, trackingUrlOf } from '../destination/destination.ts';
import type { SpaceRef, SpaceWriter } from '../space/space.ts';
import { createUsage, findSpace, type ResolvedMapping } from '../workspace/workspace.ts';
import type { Journal } from './journal.ts';
import { type LocalEndpointOptions, openLocalEndpoint } from './local-endpoint.ts';
import { shareRate } from './rate-share.ts';
import type { SyncContext } from './runner.ts';

/** How messages go to other servers. */
export interface DeliveryOptions {
  /** Of the process: syncs of one destination share its rate, with those of other processes too. Without it a sync has a rate of its own, of the default. */
  readonly rateOf?: RateOf;
  /** Other Tracking APIs than the vendor's. */
  readonly trackingUrls?: BaseUrls;
  readonly http?: Partial<HttpSettings>;
}

const usualRate = 1_000;

/** The endpoint that the destination's settings name. Error `endpoint_invalid`. */
export async function openEndpoint(
  context: SyncContext,
  job: ResolvedMapping,
  journal: Pick<Journal, 'recordEffects'>,
): Promise<Endpoint> {
  if (context.openEndpoint !== undefined) return context.openEndpoint(job);
  if (!isLocal(job)) return httpEndpoint(context, job);
  const usage = createUsage({ clock: context.clock });
  const onEffects: LocalEndpointOptions['onEffects'] = async (effects, _, tx, { space, applied }) => {
    await journal.recordEffects(tx, effects);
    // What this destination writes is free, and shown apart.
    await usage.exempt(tx, space.no, space.id, applied);
  };
  return localEndpoint(context, context.writer, onEffects);
}

/**
 * Of a plan: the local endpoint over a writer that leaves no trace; of another server one that sends nothing, so its
 * effects on profiles stay unknown. Error `endpoint_invalid`.
 */
export function planEndpoint(
  context: SyncContext,
  job: ResolvedMapping,
  writer: SpaceWriter,
  onEffects: LocalEndpointOptions['onEffects'],
): Endpoint {
  if (isLocal(job)) return localEndpoint(context, writer, onEffects);
  requireTrackingUrl(context, job);
  return openDryEndpoint(job.destination.settings.endpoint);
}

export function isLocal({ destination }: ResolvedMapping): boolean {
  return destination.settings.endpoint === 'local';
}

async function httpEndpoint(context: SyncContext, job: ResolvedMapping): Promise<Endpoint> {
  const { destination } = job;
  const { rateOf = createRates(usualRate), http = {} } = context.delivery ?? {};
  const rate = rateOf(destination.id);
  const endpoint = await openHttpEndpoint({
    name: destination.settings.endpoint,
    trackingUrl: requireTrackingUrl(context, job),
    rate,
    clock: context.clock,
    settings: http,
  });
  const share = await shareRate(context.db.pool, destination.id, rate);
  return {
    ...endpoint,
    async [Symbol.asyncDispose]() {
      await share[Symbol.asyncDispose]();
      await endpoint[Symbol.asyncDispose]();
    },
  };
}

function requireTrackingUrl({ delivery }: SyncContext, { destination }: ResolvedMapping): string {
  const url = trackingUrlOf(destination.settings, delivery?.trackingUrls);
  if (url !== null) return url;
  const endpoint = JSON.stringify(destination.settings.endpoint);
  const what = `The settings of the destination ${destination.name} do not say where to send: its endpoint is ${endpoint}`;
  throw new MillraceError('endpoint_invalid', `${what}, and there is no usable tracking URL for it.`);
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
