import { useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Consent, Task } from '../api/manager.ts';
import { capabilitiesQuery, defaultsQuery, libraryQuery } from '../api/queries.ts';
import { workbench } from '../app/workbench.ts';
import { useApi } from '../session/SessionContext.tsx';

/** What can be done to models from this page. What cannot be done is told at the model. */
export interface ModelActions {
  refresh(): Promise<void>;
  pull(id: string, consents: readonly Consent[]): void;
  /** Ends the download. */
  cancel(id: string): void;
  load(id: string): void;
  unload(id: string): void;
  pin(id: string, pinned: boolean): void;
  remove(id: string): void;
  /** `language` null is all of them. */
  setDefault(id: string, task: Task, language: string | null): void;
  /** Takes the choice back. How it goes is told under `clearingKey`. */
  clearDefault(task: Task, language: string | null): void;
}

/** Where the desk keeps how taking back a default goes: with the default, as its model may not be in sight. */
export const clearingKey = (task: Task, language: string | null): string => `Default of ${task} ${language ?? '*'}`;

export function useModelActions(): ModelActions {
  const api = useApi();
  const queries = useQueryClient();
  return useMemo(() => {
    const refresh = async (): Promise<void> => {
      void queries.invalidateQueries({ queryKey: defaultsQuery(api).queryKey });
      void queries.invalidateQueries({ queryKey: capabilitiesQuery(api).queryKey });
      await queries.invalidateQueries({ queryKey: libraryQuery(api).queryKey });
    };
    const act = (id: string, doing: string, done: string, failed: string, ask: () => Promise<void>): void => {
      void workbench.models.act(id, { doing, done, failed, ask, refresh });
    };
    return {
      refresh,
      pull: (id, consents) =>
        act(id, 'Starting', 'Download begun', 'It is not downloaded', () => api.pull(id, consents)),
      cancel: (id) => act(id, 'Cancelling', 'Download cancelled', 'It is still downloading', () => api.cancelPull(id)),
      load: (id) => act(id, 'Loading', 'In memory', 'It could not be loaded', () => api.load(id)),
      unload: (id) => act(id, 'Unloading', 'Unloaded', 'It could not be unloaded', () => api.unload(id)),
      pin: (id, pinned) =>
        pinned
          ? act(id, 'Pinning', 'Stays in memory', 'It could not be pinned', () => api.pin(id, true))
          : act(id, 'Unpinning', 'No longer kept in memory', 'It could not be unpinned', () => api.pin(id, false)),
      remove: (id) => act(id, 'Deleting', 'Deleted', 'It was not deleted', () => api.remove(id)),
      setDefault: (id, task, language) =>
        act(id, 'Choosing', 'Now a default', 'The default stays as it was', () => api.setDefault(task, language, id)),
      clearDefault: (task, language) =>
        act(clearingKey(task, language), 'Taking back', 'Taken back', 'The default stays as it was', () =>
          api.setDefault(task, language, null),
        ),
    };
  }, [api, queries]);
}
