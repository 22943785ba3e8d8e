/** What the person who is signed in may do: what they may not is not offered. The server decides all the same. */
import { useQuery } from '@tanstack/react-query';
import { meQuery } from './queries.ts';

export type Power =
  | 'workspace:read'
  | 'workspace:admin'
  | 'source:read'
  | 'source:admin'
  | 'space:read'
  | 'space:admin'
  | 'audience:admin'
  | 'privacy:admin';

/** Somewhere, at least: a role can hold at some sources or spaces alone. */
export function useMay(power: Power): boolean {
  return useQuery(meQuery).data?.powers.includes(power) ?? false;
}
