import { Center, Loader } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { workbench } from '../app/workbench.ts';
import { useStore } from '../lib/store.ts';
import { KeyScreen } from './KeyScreen.tsx';
import { SessionContext } from './SessionContext.tsx';
import { Session } from './session.ts';
import { UnreachableScreen } from './UnreachableScreen.tsx';

/** Shows its children to whoever may use the server, and the way in to everybody else. */
export function SessionGate({ children }: { children: ReactNode }) {
  const [session] = useState(() => new Session());
  const state = useStore(session);
  const queries = useQueryClient();

  useEffect(() => {
    void session.start();
  }, [session]);

  const open = useMemo(() => {
    if (state.status !== 'open') return null;
    const leave = (): void => {
      workbench.clear();
      queries.clear();
      session.forget();
    };
    return { api: state.api, capabilities: state.capabilities, leave };
  }, [state, queries, session]);

  if (open !== null) return <SessionContext value={open}>{children}</SessionContext>;
  if (state.status === 'locked') return <KeyScreen error={state.error} enter={(key) => session.enter(key)} />;
  if (state.status === 'unreachable') return <UnreachableScreen error={state.error} retry={() => session.start()} />;
  return (
    <Center component="main" mih="100dvh">
      <Loader aria-label="Opening" />
    </Center>
  );
}
