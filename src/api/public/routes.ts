/** Every route of the Public API. */
import { alertRoutes } from './alerts.ts';
import { assistanceRoutes } from './assistance.ts';
import { audienceRoutes } from './audiences.ts';
import { auditRoutes } from './audit-events.ts';
import { auditTrailRoutes } from './audit-trail.ts';
import { catalogRoutes } from './catalog.ts';
import { deliveryMetricsRoutes } from './delivery-metrics.ts';
import { deliveryOverviewRoutes } from './delivery-overview.ts';
import { destinationRoutes } from './destinations.ts';
import { echoRoutes } from './echo.ts';
import { eventsVolumeRoutes } from './events-volume.ts';
import { iamRoutes } from './iam.ts';
import { iamChangeRoutes } from './iam-changes.ts';
import { labelRoutes } from './labels.ts';
import { mappingActRoutes } from './mapping-acts.ts';
import { messagingSubscriptionRoutes } from './messaging-subscriptions.ts';
import { modelRoutes } from './models.ts';
import { profileRoutes } from './profiles.ts';
import type { PublicApiDeps } from './public.ts';
import { regulationRoutes } from './regulations.ts';
import type { PublicRoute } from './route.ts';
import { sourceRoutes } from './sources.ts';
import { spaceLogRoutes } from './space-log.ts';
import { spaceTokenRoutes } from './space-tokens.ts';
import { spaceRoutes } from './spaces.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { syncRoutes } from './syncs.ts';
import { tokenRoutes } from './tokens.ts';
import { usageRoutes } from './usage.ts';
import { workspaceRoutes } from './workspace.ts';
import { workspaceSyncRoutes } from './workspace-syncs.ts';

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
  audienceRoutes,
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
