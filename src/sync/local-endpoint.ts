/**
 * The endpoint `local`: the profile spaces of this database, in process. Messages, receipts and whatever `record` writes
 * commit in one transaction. Calls may overlap and take effect in the order they were made.
 */
import type { Clock } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { Database, Transaction } from '../db/db.ts';
import type { Delivery, DeliveryOrigin, Endpoint, Receipt, RecordReceipts } from '../delivery/delivery.ts';
import type { Effects, Outcome, SpaceRef, SpaceWriter, Written } from '../space/space.ts';

export interface LocalEndpointOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly writer: SpaceWriter;
  /** By write key, id or name; null when there is none. */
  readonly findSpace: (key: string) => Promise<SpaceRef | null>;
  /** Told in the transaction of a batch, before its receipts. */
  readonly onEffects?: (
    effects: Effects,
    origin: DeliveryOrigin,
    tx: Transaction,
    into: { readonly space: SpaceRef; readonly applied: readonly JsonObject[] },
  ) => Promise<void>;
  readonly maxBatch?: number;
}

/** The messages of one space within a batch: where they are in it. */
interface Group {
  readonly space: SpaceRef;
  readonly places: number[];
}

export function openLocalEndpoint(options: LocalEndpointOptions): Endpoint {
  const known = new Map<string, SpaceRef>();
  // Look-ups wait for each other, so that a later call never overtakes an earlier one on its way to the writer.
  let lookUps: Promise<unknown> = Promise.resolve();
  const findSpaces = async (keys: ReadonlySet<string>) => {
    for (const key of keys) {
      const space = known.get(key) ?? (await options.findSpace(key));
      if (space !== null) known.set(key, space);
    }
    return known;
  };
  return {
    name: 'local',
    maxBatch: options.maxBatch ?? 2_000,
    async deliver(batch, origin, record, signal) {
      signal?.throwIfAborted();
      const found = lookUps.then(() => findSpaces(new Set(batch.map((delivery) => delivery.space))));
      lookUps = found.catch(() => undefined);
      const { receipts, groups } = sortOut(batch, await found);
      return writeGroups(batch, groups, receipts, origin, record, options);
    },
    async [Symbol.asyncDispose]() {},
  };
}

function sortOut(batch: readonly Delivery[], known: ReadonlyMap<string, SpaceRef>) {
  const groups = new Map<string, Group>();
  const receipts = batch.map((delivery, place): Receipt => {
    const space = known.get(delivery.space);
    if (space === undefined) return unknownSpace;
    const group = groups.get(space.id) ?? { space, places: [] };
    if (group.places.length === 0) groups.set(space.id, group);
    group.places.push(place);
    return notReached;
  });
  return { receipts, groups: [...groups.values()] };
}

const unknownSpace: Receipt = {
  kind: 'refused',
  code: 'space_unknown',
  reason: 'There is no profile space with the write key, id or name that the Profile Space field (engage_space) holds.',
};
const notReached: Receipt = {
  kind: 'later',
  code: 'space_failed',
  reason: 'The profile space could not be written to.',
};

/** One transaction per space; the last one carries the receipts of the whole batch. */
async function writeGroups(
  batch: readonly Delivery[],
  groups: readonly Group[],
  receipts: Receipt[],
  origin: DeliveryOrigin,
  record: RecordReceipts,
  options: LocalEndpointOptions,
): Promise<readonly Receipt[]> {
  let recorded = false;
  const recordOnce = async (tx: Transaction) => {
    await record(receipts, tx);
    recorded = true;
  };
  for (const [index, group] of groups.entries()) {
    try {
      await writeGroup(batch, group, receipts, origin, options, index === groups.length - 1 ? recordOnce : undefined);
    } catch (error) {
      // Of a single space nothing was written. Of several, those before were: they keep their receipts.
      if (index === 0) throw error;
      for (const later of groups.slice(index)) for (const place of later.places) receipts[place] = notReached;
      recorded = false;
      break;
    }
  }
  if (!recorded) await options.db.transaction(recordOnce);
  return receipts;
}

async function writeGroup(
  batch: readonly Delivery[],
  group: Group,
  receipts: Receipt[],
  origin: DeliveryOrigin,
  options: LocalEndpointOptions,
  record: ((tx: Transaction) => Promise<void>) | undefined,
): Promise<void> {
  const receivedAt = options.clock.now();
  const messages = group.places.map((place) => {
    const { message } = batch[place] as Delivery;
    return {
      message,
      receivedAt,
      sourceId: group.space.id,
      mappingId: origin.mappingId,
      syncId: origin.syncId,
      ...(message.type === 'track' && { onceKey: `${origin.mappingId} ${String(message.messageId)}` }),
    };
  });
  const fill = (written: Written) => {
    for (const [index, place] of group.places.entries())
      receipts[place] = receiptOf(written.outcomes[index] as Outcome);
  };
  const written = await options.writer.write(group.space, messages, async (tx, tentative) => {
    fill(tentative);
    const applied = messages.flatMap(({ message }, at) =>
      tentative.outcomes[at]?.kind === 'applied' ? [message] : [],
    );
    await options.onEffects?.(tentative.effects, origin, tx, { space: group.space, applied });
    await record?.(tx);
  });
  // The writer of a plan has no transaction to call back in.
  fill(written);
}

const delivered: Receipt = { kind: 'delivered' };

/** What the space has already is delivered. */
function receiptOf(outcome: Outcome): Receipt {
  if (outcome.kind === 'dropped' && outcome.reason === 'duplicate') return delivered;
  return outcome.kind === 'applied' ? delivered : { kind: 'refused', code: outcome.reason, reason: outcome.detail };
}
