/** Every route of the Public API. */

import type { PublicApiDeps } from './public.ts';
import { deliveryMetricsRoutes } from './reports/delivery-metrics.ts';
import { deliveryOverviewRoutes } from './reports/delivery-overview.ts';
import { eventsVolumeRoutes } from './reports/events-volume.ts';
import { assistanceRoutes } from './reverse-etl/assistance.ts';
import { catalogRoutes } from './reverse-etl/catalog.ts';
import { destinationRoutes } from './reverse-etl/destinations.ts';
import { mappingActRoutes } from './reverse-etl/mapping-acts.ts';
import { modelRoutes } from './reverse-etl/models.ts';
import { sourceRoutes } from './reverse-etl/sources.ts';
import { subscriptionRoutes } from './reverse-etl/subscriptions.ts';
import { syncRoutes } from './reverse-etl/syncs.ts';
import { workspaceSyncRoutes } from './reverse-etl/workspace-syncs.ts';
import type { PublicRoute } from './route.ts';
import { audiencePreviewRoutes } from './spaces/audience-previews.ts';
import { audienceRoutes } from './spaces/audiences.ts';
import { computedTraitRoutes } from './spaces/computed-traits.ts';
import { messagingSubscriptionRoutes } from './spaces/messaging-subscriptions.ts';
import { profileRoutes } from './spaces/profiles.ts';
import { regulationRoutes } from './spaces/regulations.ts';
import { spaceLogRoutes } from './spaces/space-log.ts';
import { spaceTokenRoutes } from './spaces/space-tokens.ts';
import { spaceRoutes } from './spaces/spaces.ts';
import { alertRoutes } from './workspace/alerts.ts';
import { auditRoutes } from './workspace/audit-events.ts';
import { auditTrailRoutes } from './workspace/audit-trail.ts';
import { echoRoutes } from './workspace/echo.ts';
import { iamRoutes } from './workspace/iam.ts';
import { iamChangeRoutes } from './workspace/iam-changes.ts';
import { labelRoutes } from './workspace/labels.ts';
import { tokenRoutes } from './workspace/tokens.ts';
import { usageRoutes } from './workspace/usage.ts';
import { workspaceRoutes } from './workspace/workspace.ts';

const all = [
  workspaceRoutes,
  catalogRoutes,
  sourceRoutes,
  modelRoutes,
  destinationRoutes,
  subscriptionRoutes,
  syncRoutes,
  workspaceSyncRoutes,
  mappingActRoutes,
  messagingSubscriptionRoutes,
  usageRoutes,
  regulationRoutes,
  assistanceRoutes,
  spaceRoutes,
  profileRoutes,
  spaceTokenRoutes,
  spaceLogRoutes,
  labelRoutes,
  iamRoutes,
  auditRoutes,
  echoRoutes,
  eventsVolumeRoutes,
  deliveryOverviewRoutes,
  deliveryMetricsRoutes,
  audiencePreviewRoutes,
  audienceRoutes,
  computedTraitRoutes,
  iamChangeRoutes,
  tokenRoutes,
  auditTrailRoutes,
  alertRoutes,
] as const;

export function publicRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return all.flatMap((routes) => routes(deps));
}

/** The routes as data, for documents: there is nothing behind them, and they are not to be called. */
export function routesAsData(): readonly Omit<PublicRoute, 'handle'>[] {
  return publicRoutes({} as PublicApiDeps).map(({ handle: _, ...route }) => route);
}
