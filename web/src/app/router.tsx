/** Every page and its address. Pages are loaded when they are first looked at. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { ApiError } from '../api/client.ts';
import { meQuery } from '../api/queries.ts';
import { Failed, Loading } from '../parts/states.tsx';
import { Layout } from './layout.tsx';
import { NotFound } from './not-found.tsx';
import { queryClient } from './query-client.ts';

const root = createRootRoute({ notFoundComponent: NotFound });

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search): { readonly to?: string } => (typeof search.to === 'string' ? { to: search.to } : {}),
  component: lazyRouteComponent(() => import('../pages/sign-in.tsx'), 'SignIn'),
});

const link = createRoute({
  getParentRoute: () => root,
  path: '/links/$token',
  component: lazyRouteComponent(() => import('../pages/link.tsx'), 'Link'),
});

/** Whoever is not signed in signs in first, and comes back. */
const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  component: Layout,
  async beforeLoad({ location }) {
    try {
      await queryClient.ensureQueryData(meQuery);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        throw redirect({ to: '/sign-in', search: { to: location.href } });
      }
      throw error;
    }
  },
});

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
const under = { getParentRoute: () => inside } as const;

const pages = [
  createRoute({
    ...under,
    path: '/',
    component: lazyRouteComponent(() => import('../pages/overview.tsx'), 'Overview'),
  }),
  createRoute({
    ...under,
    path: '/sources',
    component: lazyRouteComponent(() => import('../pages/sources.tsx'), 'Sources'),
  }),
  createRoute({
    ...under,
    path: '/sources/new',
    /** Where one came from, and goes on to. */
    validateSearch: ({ next }): { readonly next?: 'destination' } => (next === 'destination' ? { next } : {}),
    component: lazyRouteComponent(() => import('../pages/source-new.tsx'), 'SourceNew'),
  }),
  createRoute({
    ...under,
    path: '/sources/$id',
    validateSearch: ({ tried }): { readonly tried?: true } => (tried === true ? { tried } : {}),
    component: lazyRouteComponent(() => import('../pages/source.tsx'), 'SourcePage'),
  }),
  createRoute({
    ...under,
    path: '/models',
    component: lazyRouteComponent(() => import('../pages/models.tsx'), 'Models'),
  }),
  createRoute({
    ...under,
    path: '/models/new',
    validateSearch: ({ source }): { readonly source?: string } =>
      text(source) ? { source: text(source) as string } : {},
    component: lazyRouteComponent(() => import('../pages/model-form.tsx'), 'ModelNew'),
  }),
  createRoute({
    ...under,
    path: '/models/$id',
    component: lazyRouteComponent(() => import('../pages/model-form.tsx'), 'ModelPage'),
  }),
  createRoute({
    ...under,
    path: '/destinations',
    component: lazyRouteComponent(() => import('../pages/destinations.tsx'), 'Destinations'),
  }),
  createRoute({
    ...under,
    path: '/destinations/new',
    validateSearch: ({ source }): { readonly source?: string } =>
      text(source) ? { source: text(source) as string } : {},
    component: lazyRouteComponent(() => import('../pages/destination-new.tsx'), 'DestinationNew'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id',
    validateSearch: ({ tab }): { readonly tab?: 'mappings' } => (tab === 'mappings' ? { tab } : {}),
    component: lazyRouteComponent(() => import('../pages/destination.tsx'), 'DestinationPage'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id/mappings/new',
    component: lazyRouteComponent(() => import('../pages/mapping-form.tsx'), 'MappingNew'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id/mappings/$mapping',
    component: lazyRouteComponent(() => import('../pages/mapping.tsx'), 'MappingPage'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id/mappings/$mapping/edit',
    component: lazyRouteComponent(() => import('../pages/mapping-form.tsx'), 'MappingEdit'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id/mappings/$mapping/syncs/$sync',
    component: lazyRouteComponent(() => import('../pages/sync.tsx'), 'SyncPage'),
  }),
  createRoute({
    ...under,
    path: '/spaces',
    component: lazyRouteComponent(() => import('../pages/spaces.tsx'), 'Spaces'),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([signIn, link, inside.addChildren(pages)]),
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Loading what="the page" />,
  defaultErrorComponent: ({ error, reset }) => <Failed error={error as Error} retry={reset} />,
  defaultNotFoundComponent: NotFound,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
