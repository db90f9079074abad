import { QueryClient, queryOptions } from '@tanstack/react-query';
import type { Api } from './client.ts';
import { ApiError } from './errors.ts';
import type { ManagedModel } from './manager.ts';

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        // A refusal stays a refusal; a server that restarts is back soon.
        retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status in { 401: 1, 403: 1 }),
        // The browser's idea of being online says nothing about a server on the same machine.
        networkMode: 'always',
      },
    },
  });
}

export const capabilitiesQuery = (api: Api) =>
  queryOptions({ queryKey: ['capabilities'], queryFn: ({ signal }) => api.capabilities(signal) });

export const modelsQuery = (api: Api) =>
  queryOptions({ queryKey: ['models'], queryFn: ({ signal }) => api.models(signal) });

/** Asked often while something changes, so that what others do shows soon. */
export const libraryQuery = (api: Api) =>
  queryOptions({
    queryKey: ['library'],
    queryFn: ({ signal }) => api.library(signal),
    refetchInterval: ({ state }) => (state.data?.models.some(isChanging) ? 2000 : 15_000),
  });

const CHANGING = new Set(['queued', 'downloading', 'unpacking', 'verifying', 'loading', 'unloading']);
/** What a process takes is known a little after it has loaded its model. */
const isChanging = ({ state, residentBytes }: ManagedModel): boolean =>
  CHANGING.has(state) || (state === 'loaded' && residentBytes === 0);

export const defaultsQuery = (api: Api) =>
  queryOptions({ queryKey: ['defaults'], queryFn: ({ signal }) => api.defaults(signal), refetchInterval: 15_000 });

/** Asked again every 15 s while the tab is in front. */
export const readinessQuery = (api: Api) =>
  queryOptions({
    queryKey: ['readiness'],
    queryFn: ({ signal }) => api.ready(signal),
    refetchInterval: 15_000,
    retry: false,
  });
