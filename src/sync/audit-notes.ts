/** How the audit trail names what people do by hand with syncs and mappings; what schedules begin is in the history alone. */
import type { AuditNote } from '../workspace/workspace.ts';

const syncTypes = {
  manual: 'Sync Started',
  retry: 'Sync Retried',
  replay: 'Sync Replayed',
  cancel: 'Sync Cancelled',
} as const;

/** @param mapping its name */
export function syncNote(
  what: keyof typeof syncTypes,
  { id, mapping }: { readonly id: string; readonly mapping: string },
): AuditNote {
  return { type: syncTypes[what], resourceType: 'sync', resourceId: id, resourceName: mapping };
}

const mappingTypes = { reset: 'Destination Subscription Reset', test: 'Test Record Sent' } as const;

export function mappingNote(
  what: keyof typeof mappingTypes,
  { id, name }: { readonly id: string; readonly name: string },
): AuditNote {
  return { type: mappingTypes[what], resourceType: 'destination_subscription', resourceId: id, resourceName: name };
}
