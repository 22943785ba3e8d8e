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
  path: '/link/$token',
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

const page = <P extends string>(path: P, load: () => Promise<Record<string, unknown>>, name: string) =>
  createRoute({
    getParentRoute: () => inside,
    path,
    component: lazyRouteComponent(load as () => Promise<Record<string, never>>, name),
  });

const pages = [
  page('/', () => import('../pages/overview.tsx'), 'Overview'),
  page('/sources', () => import('../pages/sources.tsx'), 'Sources'),
  page('/models', () => import('../pages/models.tsx'), 'Models'),
  page('/destinations', () => import('../pages/destinations.tsx'), 'Destinations'),
  page('/spaces', () => import('../pages/spaces.tsx'), 'Spaces'),
];

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
