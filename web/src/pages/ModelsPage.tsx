import { Center, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { asApiError } from '../api/errors.ts';
import { noticesOf } from '../api/models.ts';
import { capabilitiesQuery, libraryQuery, readinessQuery } from '../api/queries.ts';
import { ErrorNote } from '../components/ErrorNote.tsx';
import { Notices } from '../components/Notices.tsx';
import { PageTitle } from '../components/PageTitle.tsx';
import { DefaultsCard } from '../models/DefaultsCard.tsx';
import { ModelBrowser } from '../models/ModelBrowser.tsx';
import { ServerCard } from '../models/ServerCard.tsx';
import { useSession } from '../session/SessionContext.tsx';
import styles from './pages.module.css';

/** Which models there are and can be had, what they take, and how the server is. */
export function ModelsPage() {
  const { api, capabilities: initialData } = useSession();
  const { data: capabilities, error } = useQuery({ ...capabilitiesQuery(api), initialData, refetchInterval: 15_000 });
  const readiness = useQuery(readinessQuery(api));
  const library = useQuery(libraryQuery(api));
  const search = useSearch({ from: '/models' });
  const navigate = useNavigate();
  const notices = noticesOf(capabilities);
  const outdated = error ?? (library.data === undefined ? null : library.error);

  return (
    <>
      <PageTitle>Models</PageTitle>
      <div className={styles.stack}>
        <ServerCard
          capabilities={capabilities}
          library={library.data}
          readiness={readiness.data ?? null}
          failed={readiness.isError}
        />
        {outdated !== null && <ErrorNote title="What follows may be out of date" error={asApiError(outdated)} />}
        {notices.length > 0 && <Notices title="Good to know" notices={notices} />}
        <DefaultsCard defaults={capabilities.defaults} />
        {library.data !== undefined ? (
          <ModelBrowser
            library={library.data}
            present={capabilities.models}
            search={search}
            onSearch={(next) => void navigate({ to: '/models', search: next, replace: true })}
          />
        ) : library.error !== null ? (
          <ErrorNote title="The models cannot be listed" error={asApiError(library.error)} />
        ) : (
          <Center py="xl">
            <Loader aria-label="Listing models" />
          </Center>
        )}
      </div>
    </>
  );
}
