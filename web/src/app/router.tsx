/** Every page and its address. Pages are loaded when they are first looked at. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client.ts';
import { profileQuery } from '../api/profiles.ts';
import { meQuery } from '../api/queries.ts';
import { didNotAnswer } from '../api/reached.ts';
import { Failed, Loading } from '../parts/states.tsx';
import { Layout } from './layout.tsx';
import { NotFound } from './not-found.tsx';
import { queryClient } from './query-client.ts';

/**
 * A page that is loaded when it is first looked at. When it cannot be, the error is shown in the app: the library would load
 * the whole address again, and a browser that finds no server shows a page of its own.
 */
function page<Name extends string>(load: () => Promise<Record<Name, () => ReactNode>>, name: Name) {
  const loaded = async () => {
    try {
      return await load();
    } catch (error) {
      didNotAnswer();
      throw new PageMissing(error);
    }
  };
  return lazyRouteComponent(loaded, name);
}

class PageMissing extends Error {
  constructor(cause: unknown) {
    super('This page was not loaded, because the server did not answer.', { cause });
  }
}

/** A page that was missing comes with a fresh app, which may be a newer one; but not before the server answers. */
async function again(error: Error, reset: () => void): Promise<void> {
  if (!(error instanceof PageMissing)) return reset();
  const isThere = await fetch('/app/me').then(
    () => true,
    () => false,
  );
  if (isThere) location.reload();
}

const root = createRootRoute({ notFoundComponent: NotFound });

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search): { readonly to?: string } => (typeof search.to === 'string' ? { to: search.to } : {}),
  component: page(() => import('../pages/sign-in/sign-in.tsx'), 'SignIn'),
});

const link = createRoute({
  getParentRoute: () => root,
  path: '/links/$token',
  component: page(() => import('../pages/sign-in/link.tsx'), 'Link'),
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
    component: page(() => import('../pages/overview.tsx'), 'Overview'),
  }),
  createRoute({
    ...under,
    path: '/sources',
    component: page(() => import('../pages/reverse-etl/sources.tsx'), 'Sources'),
  }),
  createRoute({
    ...under,
    path: '/sources/new',
    /** Where one came from, and goes on to; the kind that was chosen, by its slug. */
    validateSearch: ({ next, kind }): { readonly next?: 'destination'; readonly kind?: string } => ({
      ...(next === 'destination' && { next }),
      ...(text(kind) && { kind: text(kind) as string }),
    }),
    component: page(() => import('../pages/reverse-etl/source-new.tsx'), 'SourceNew'),
  }),
  createRoute({
    ...under,
    path: '/sources/$id',
    validateSearch: ({ tried }): { readonly tried?: true } => (tried === true ? { tried } : {}),
    component: page(() => import('../pages/reverse-etl/source.tsx'), 'SourcePage'),
  }),
  createRoute({
    ...under,
    path: '/models',
    component: page(() => import('../pages/reverse-etl/models.tsx'), 'Models'),
  }),
  createRoute({
    ...under,
    path: '/models/new',
    /** The source to begin with, and the destination whose mapping one came from, and goes back to. */
    validateSearch: ({ source, destination }): { readonly source?: string; readonly destination?: string } => ({
      ...(text(source) && { source: text(source) as string }),
      ...(text(destination) && { destination: text(destination) as string }),
    }),
    component: page(() => import('../pages/reverse-etl/model-form.tsx'), 'ModelNew'),
  }),
  createRoute({
    ...under,
    path: '/models/$id',
    component: page(() => import('../pages/reverse-etl/model-form.tsx'), 'ModelPage'),
  }),
  createRoute({
    ...under,
    path: '/destinations',
    component: page(() => import('../pages/reverse-etl/destinations.tsx'), 'Destinations'),
  }),
  createRoute({
    ...under,
    path: '/destinations/new',
    /** The kind that was chosen, by its slug; the source to begin with. */
    validateSearch: ({ kind, source }): { readonly kind?: string; readonly source?: string } => ({
      ...(text(kind) && { kind: text(kind) as string }),
      ...(text(source) && { source: text(source) as string }),
    }),
    component: page(() => import('../pages/reverse-etl/destination-new.tsx'), 'DestinationNew'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id',
    validateSearch: ({ tab }): { readonly tab?: 'mappings' } => (tab === 'mappings' ? { tab } : {}),
    component: page(() => import('../pages/reverse-etl/destination.tsx'), 'DestinationPage'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id/mappings/new',
    component: page(() => import('../pages/reverse-etl/mapping-form.tsx'), 'MappingNew'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id/mappings/$mapping',
    component: page(() => import('../pages/reverse-etl/mapping.tsx'), 'MappingPage'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id/mappings/$mapping/edit',
    component: page(() => import('../pages/reverse-etl/mapping-form.tsx'), 'MappingEdit'),
  }),
  createRoute({
    ...under,
    path: '/destinations/$id/mappings/$mapping/syncs/$sync',
    component: page(() => import('../pages/reverse-etl/sync.tsx'), 'SyncPage'),
  }),
  createRoute({
    ...under,
    path: '/spaces',
    component: page(() => import('../pages/unify/spaces.tsx'), 'Spaces'),
  }),
  createRoute({
    ...under,
    path: '/spaces/new',
    component: page(() => import('../pages/unify/space-new.tsx'), 'SpaceNew'),
  }),
  createRoute({
    ...under,
    path: '/spaces/$id',
    validateSearch: ({ tab, reason }): { readonly tab?: string; readonly reason?: string } => ({
      ...(text(tab) && { tab: text(tab) as string }),
      ...(text(reason) && { reason: text(reason) as string }),
    }),
    component: page(() => import('../pages/unify/space.tsx'), 'SpacePage'),
  }),
  createRoute({
    ...under,
    path: '/profiles',
    validateSearch: ({
      space,
      find,
      collection,
    }): { readonly space?: string; readonly find?: string; readonly collection?: 'accounts' } => ({
      ...(text(space) && { space: text(space) as string }),
      // A value of digits alone comes as a number.
      ...((text(find) || typeof find === 'number') && { find: String(find) }),
      ...(collection === 'accounts' && { collection }),
    }),
    component: page(() => import('../pages/unify/profiles.tsx'), 'Profiles'),
  }),
  createRoute({
    ...under,
    path: '/profiles/$space/$id',
    validateSearch: ({ tab }): { readonly tab?: string } => (text(tab) ? { tab: text(tab) as string } : {}),
    // Asked for while the page itself is loaded; nobody waits for it here.
    loader: ({ params }) => void queryClient.prefetchQuery(profileQuery(params.space, params.id)),
    component: page(() => import('../pages/unify/profile.tsx'), 'ProfilePage'),
  }),
  createRoute({
    ...under,
    path: '/audiences',
    validateSearch: ({ space, kind }): { readonly space?: string; readonly kind?: 'computed_trait' } => ({
      ...(text(space) && { space: text(space) as string }),
      ...(kind === 'computed_trait' && { kind }),
    }),
    component: page(() => import('../pages/unify/audiences.tsx'), 'Audiences'),
  }),
  createRoute({
    ...under,
    path: '/audiences/$space/new',
    validateSearch: ({ kind }): { readonly kind?: 'audience' | 'computed_trait' } =>
      kind === 'audience' || kind === 'computed_trait' ? { kind } : {},
    component: page(() => import('../pages/unify/audience-form.tsx'), 'AudienceNew'),
  }),
  createRoute({
    ...under,
    path: '/audiences/$space/$kind/$id',
    component: page(() => import('../pages/unify/audience.tsx'), 'AudiencePage'),
  }),
  createRoute({
    ...under,
    path: '/audiences/$space/$kind/$id/edit',
    component: page(() => import('../pages/unify/audience-form.tsx'), 'AudienceEdit'),
  }),
  createRoute({
    ...under,
    path: '/usage',
    validateSearch: ({ month }): { readonly month?: string } =>
      typeof month === 'string' && /^\d{4}-(0[1-9]|1[0-2])$/.test(month) ? { month } : {},
    component: page(() => import('../pages/unify/usage.tsx'), 'Usage'),
  }),
  createRoute({
    ...under,
    path: '/settings/people',
    component: page(() => import('../pages/settings/people.tsx'), 'People'),
  }),
  createRoute({
    ...under,
    path: '/settings/tokens',
    component: page(() => import('../pages/settings/tokens.tsx'), 'Tokens'),
  }),
  createRoute({
    ...under,
    path: '/settings/alerts',
    validateSearch: ({ show }): { readonly show?: 'unread' } => (show === 'unread' ? { show } : {}),
    component: page(() => import('../pages/settings/alerts.tsx'), 'Alerts'),
  }),
  createRoute({
    ...under,
    path: '/settings/audit',
    validateSearch: ({ kind }): { readonly kind?: string } => (text(kind) ? { kind: text(kind) as string } : {}),
    component: page(() => import('../pages/settings/audit.tsx'), 'Audit'),
  }),
  createRoute({
    ...under,
    path: '/settings/you',
    component: page(() => import('../pages/settings/you.tsx'), 'You'),
  }),
  // Any other address.
  createRoute({ ...under, path: '$', component: NotFound }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([signIn, link, inside.addChildren(pages)]),
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Loading what="the page" />,
  defaultErrorComponent: ({ error, reset }) => (
    <Failed error={error as Error} retry={() => void again(error as Error, reset)} />
  ),
  defaultNotFoundComponent: NotFound,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
