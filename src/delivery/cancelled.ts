import type { Receipt } from './delivery.ts';

/**
 * The receipt of a message that was not sent, or whose answer was not waited for, since the call was aborted. Nothing was
 * found out about it, so it counts as still to do, not as failed.
 */
export const cancelled: Receipt = {
  kind: 'later',
  code: 'cancelled',
  reason: 'The sync was cancelled before the endpoint answered.',
};

export function isCancelled(receipt: Receipt): boolean {
  return receipt.kind === 'later' && receipt.code === 'cancelled';
}
