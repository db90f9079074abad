import { Paper, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { asApiError } from '../api/errors.ts';
import { noticesOf } from '../api/models.ts';
import { capabilitiesQuery, readinessQuery } from '../api/queries.ts';
import type { Capabilities, Model } from '../api/types.ts';
import { ErrorNote } from '../components/ErrorNote.tsx';
import { Notices } from '../components/Notices.tsx';
import { PageTitle } from '../components/PageTitle.tsx';
import { ModelEntry } from '../models/ModelEntry.tsx';
import { ServerCard } from '../models/ServerCard.tsx';
import { useSession } from '../session/SessionContext.tsx';
import styles from './pages.module.css';

/** What the server has and how it is. */
export function ModelsPage() {
  const { api, capabilities: initialData } = useSession();
  const { data: capabilities, error } = useQuery({ ...capabilitiesQuery(api), initialData, refetchInterval: 15_000 });
  const readiness = useQuery(readinessQuery(api));
  const notices = noticesOf(capabilities);

  return (
    <>
      <PageTitle>Models</PageTitle>
      <div className={styles.stack}>
        <ServerCard capabilities={capabilities} readiness={readiness.data ?? null} failed={readiness.isError} />
        {error !== null && <ErrorNote title="What follows may be out of date" error={asApiError(error)} />}
        {notices.length > 0 && <Notices title="Good to know" notices={notices} />}
        <Kind title="Voices" kind="tts" capabilities={capabilities} />
        <Kind title="Recognisers" kind="stt" capabilities={capabilities} />
      </div>
    </>
  );
}

function Kind({ title, kind, capabilities }: { title: string; kind: Model['kind']; capabilities: Capabilities }) {
  const models = capabilities.models.filter((model) => model.kind === kind);
  const heading = `models-${kind}`;
  return (
    <Paper withBorder radius="lg" className={styles.card} component="section" aria-labelledby={heading}>
      <Title order={2} size="h4" id={heading}>
        {title}
      </Title>
      {models.length === 0 && <Text c="dimmed">None.</Text>}
      <ul className={styles.list}>
        {models.map((model) => (
          <ModelEntry key={model.id} model={model} isDefault={isDefault(model, capabilities.defaults[kind])} />
        ))}
      </ul>
    </Paper>
  );
}

function isDefault(model: Model, name: string | null): boolean {
  return name !== null && (model.id === name || model.aliases.includes(name));
}
