/** Every route of the Public API. */
import { assistanceRoutes } from './assistance.ts';
import { catalogRoutes } from './catalog.ts';
import { destinationRoutes } from './destinations.ts';
import { messagingSubscriptionRoutes } from './messaging-subscriptions.ts';
import { modelRoutes } from './models.ts';
import type { PublicApiDeps } from './public.ts';
import { regulationRoutes } from './regulations.ts';
import type { PublicRoute } from './route.ts';
import { sourceRoutes } from './sources.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { syncRoutes } from './syncs.ts';
import { usageRoutes } from './usage.ts';
import { workspaceRoutes } from './workspace.ts';

const all = [
  workspaceRoutes,
  catalogRoutes,
  sourceRoutes,
  modelRoutes,
  destinationRoutes,
  subscriptionRoutes,
  syncRoutes,
  messagingSubscriptionRoutes,
  usageRoutes,
  regulationRoutes,
  assistanceRoutes,
] as const;

export function publicRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return all.flatMap((routes) => routes(deps));
}
