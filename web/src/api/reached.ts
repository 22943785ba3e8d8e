/**
 * Whether the server answers, and whether it still knows who asks: what the frame of the app shows, whatever page is open.
 * Told by every answer; read through `useReached`.
 */
import { useSyncExternalStore } from 'react';

export type Reached =
  | { readonly kind: 'yes' }
  /** No answer since then. */
  | { readonly kind: 'away'; readonly since: Date }
  /** The session is over: ended elsewhere, or too old. */
  | { readonly kind: 'signed out' };

let state: Reached = { kind: 'yes' };
const watchers = new Set<() => void>();

function become(next: Reached): void {
  state = next;
  for (const watcher of watchers) watcher();
}

export function answered(): void {
  if (state.kind === 'away') become({ kind: 'yes' });
}

export function didNotAnswer(): void {
  if (state.kind !== 'away') become({ kind: 'away', since: new Date() });
}

export function isSignedOut(): void {
  if (state.kind !== 'signed out') become({ kind: 'signed out' });
}

export function isSignedIn(): void {
  if (state.kind !== 'yes') become({ kind: 'yes' });
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export const useReached = (): Reached => useSyncExternalStore(watch, () => state);
