/**
 * Delivery of decided batches: a few at a time on their way, so that the next is read and mapped while the last commits.
 * A batch for several spaces is sent as one part for each. Yields parts in order, when their receipts are recorded.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../base/errors.ts';
import type { Transaction } from '../db/db.ts';
import type { DeliveryOrigin, Endpoint, Receipt } from '../delivery/delivery.ts';
import type { Decided, DecidedBatch } from './decisions.ts';
import { type Marking, type SettledBatch, settle } from './settling.ts';

export interface LoadOptions {
  readonly endpoint: Endpoint;
  readonly origin: DeliveryOrigin;
  readonly marking: Marking;
  /** Stores what became of a part, through the transaction where there is one. */
  readonly record: (batch: SettledBatch, tx: Transaction | undefined) => Promise<void>;
  readonly inFlight: number;
  /** How long to wait for parts on their way when the work ends early, in milliseconds. */
  readonly grace: number;
  readonly signal: AbortSignal;
}

/** Sends everything, or throws the first error once no part is on its way any more. */
export async function* deliverAll(
  batches: AsyncIterable<DecidedBatch>,
  options: LoadOptions,
): AsyncIterable<SettledBatch> {
  const onTheWay: Promise<SettledBatch>[] = [];
  let number = 0;
  try {
    for await (const { decided } of batches) {
      for (const part of splitBySpace(decided, options.endpoint.maxBatch)) {
        options.signal.throwIfAborted();
        const sent = send(part, ++number, options);
        // Looked at in its turn; until then a failure must not count as unhandled.
        sent.catch(() => undefined);
        onTheWay.push(sent);
        if (onTheWay.length >= options.inFlight) yield await next(onTheWay, options.signal);
      }
    }
    while (onTheWay.length > 0) yield await next(onTheWay, options.signal);
  } finally {
    await withinGrace(Promise.allSettled(onTheWay), options.grace);
  }
}

/** The oldest part's result; leaves it in the queue when the wait is cut short, so that it can still be waited for. */
async function next(onTheWay: Promise<SettledBatch>[], signal: AbortSignal): Promise<SettledBatch> {
  const settled = await orAborted(onTheWay[0] as Promise<SettledBatch>, signal);
  onTheWay.shift();
  return settled;
}

async function send(part: readonly Decided[], number: number, options: LoadOptions): Promise<SettledBatch> {
  const deliveries = part.flatMap(({ decision }) => (decision.kind === 'send' ? [decision.delivery] : []));
  let settled: SettledBatch | undefined;
  const record = async (receipts: readonly Receipt[], tx: Transaction | undefined) => {
    settled = settle(number, part, receipts, options.marking);
    await options.record(settled, tx);
  };
  if (deliveries.length === 0) await record([], undefined);
  else await options.endpoint.deliver(deliveries, options.origin, record, options.signal);
  if (settled === undefined)
    throw new MillraceError('internal', `The endpoint ${options.endpoint.name} recorded nothing.`);
  return settled;
}

/** Parts of one space each, in order, none larger than the endpoint takes. Rows that are not sent go with the first. */
function splitBySpace(decided: readonly Decided[], maxBatch: number): readonly (readonly Decided[])[] {
  const spaces = new Map<string, Decided[][]>();
  const rest: Decided[] = [];
  for (const row of decided) {
    if (row.decision.kind !== 'send') {
      rest.push(row);
      continue;
    }
    const parts = spaces.get(row.decision.delivery.space) ?? [];
    if (parts.length === 0) spaces.set(row.decision.delivery.space, parts);
    const last = parts.at(-1);
    if (last === undefined || last.length >= maxBatch) parts.push([row]);
    else last.push(row);
  }
  const [first = [], ...others] = [...spaces.values()].flat();
  return rest.length === 0 && first.length === 0 ? [] : [[...first, ...rest], ...others];
}

/** Rejects as soon as the signal says so; the work itself goes on. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function withinGrace(work: Promise<unknown>, grace: number): Promise<void> {
  const over = new AbortController();
  const timeout = sleep(grace, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([work, timeout]);
  over.abort();
}
