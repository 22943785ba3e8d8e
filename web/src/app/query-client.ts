import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '../api/client.ts';

/** Refusals are not asked again; what the network lost is. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      retry: (failures, error) =>
        failures < 2 && !(error instanceof ApiError && error.status > 0 && error.status < 500),
    },
  },
});
