/**
 * Delivery. In: messages, and an endpoint. Out: one receipt for each, in order. Promised: a message is never reported as
 * delivered unless it was; one bad message never decides over another; what a receipt says is recorded before, or in the
 * same transaction as, it is returned.
 *
 * Every endpoint passes `delivery.conformance.ts`. What an answer of an endpoint means, and when to try again, is decided
 * in `retry.ts` alone.
 */
import type { JsonObject } from '../base/json.ts';
import type { Transaction } from '../db/db.ts';

export type Receipt =
  | { readonly kind: 'delivered' }
  /** Final for this message: sending it again would give the same answer. `reason` is for people. */
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  /**
   * Not delivered now; worth another try in the next sync. `away`: the endpoint as a whole took nothing, so nothing was found
   * out about the message.
   */
  | { readonly kind: 'later'; readonly code: string; readonly reason: string; readonly away?: true };

export interface Delivery {
  /** The write key, id or slug of the profile space. */
  readonly space: string;
  /** The wire message, e.g. `{ type: "identify", userId, traits, … }`. */
  readonly message: JsonObject;
}

/** Where the messages of a batch come from: kept as the origin of what they write. */
export interface DeliveryOrigin {
  readonly mappingId: string;
  readonly syncId: string;
}

/**
 * Stores the receipts of a batch. With a transaction (endpoints in this database) it must write through it: messages,
 * receipts and progress then commit together.
 */
export type RecordReceipts = (receipts: readonly Receipt[], tx: Transaction | undefined) => Promise<void>;

export interface Endpoint extends AsyncDisposable {
  readonly name: string;
  /** How many messages one call may carry. */
  readonly maxBatch: number;
  /**
   * Delivers a batch in order. Calls `record` exactly once, then resolves with the same receipts. Calls may overlap;
   * they take effect in the order they were made, as far as they are about the same people. Throws only when nothing of
   * the batch was delivered or recorded; or, of an endpoint without a transaction, when `record` throws.
   */
  deliver(
    batch: readonly Delivery[],
    origin: DeliveryOrigin,
    record: RecordReceipts,
    signal?: AbortSignal,
  ): Promise<readonly Receipt[]>;
}

export { isCancelled } from './cancelled.ts';
export {
  defaultHttpSettings,
  type HttpEndpointOptions,
  type HttpSettings,
  openDryEndpoint,
  openHttpEndpoint,
} from './http-endpoint.ts';
export { maxMessageBytes, maxRequestBytes, maxRequestMessages } from './limits.ts';
export { createRate, createRates, type Rate, type RateOf } from './rate.ts';
export {
  type Backoff,
  networkOutcome,
  type Outcome,
  receiptOf,
  retryAfter,
  usualBackoff,
  waitBeforeNext,
} from './retry.ts';
