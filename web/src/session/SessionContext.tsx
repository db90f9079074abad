import { useQuery } from '@tanstack/react-query';
import { createContext, use } from 'react';
import type { Api } from '../api/client.ts';
import { capabilitiesQuery } from '../api/queries.ts';
import type { Capabilities } from '../api/types.ts';

interface OpenSession {
  api: Api;
  /** As they were on entering; `useCapabilities` follows them. */
  capabilities: Capabilities;
  /** Forgets the key and everything on the workbench. */
  leave(): void;
}

export const SessionContext = createContext<OpenSession | null>(null);

export function useSession(): OpenSession {
  const session = use(SessionContext);
  if (session === null) throw new Error('useSession is for components inside SessionGate');
  return session;
}

export function useApi(): Api {
  return useSession().api;
}

export function useCapabilities(): Capabilities {
  const { api, capabilities } = useSession();
  return useQuery({ ...capabilitiesQuery(api), initialData: capabilities }).data;
}
