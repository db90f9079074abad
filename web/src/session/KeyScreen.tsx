import { Alert, Button, Code, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { ApiError } from '../api/errors.ts';
import { Icon } from '../components/Icon.tsx';
import { useCountdown } from '../components/useCountdown.ts';
import styles from './EntryCard.module.css';
import { EntryCard } from './EntryCard.tsx';
import { looksLikeKey } from './keyStorage.ts';
import { entryProblem } from './problem.ts';

interface KeyScreenProps {
  /** Why the page is locked, when there is more to say than that a key is needed. */
  error: ApiError | null;
  /** Resolves to null when the key opened the page. */
  enter(key: string): Promise<ApiError | null>;
}

const malformed = new ApiError('An API key is one word of plain letters, digits and signs.', { status: 400 });

export function KeyScreen({ error, enter }: KeyScreenProps) {
  const [key, setKey] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(error);
  const input = useRef<HTMLInputElement>(null);
  const [until, setUntil] = useState<number | null>(null);
  const waitMs = useCountdown(until);

  useEffect(() => input.current?.focus(), []);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const entered = key.trim();
    if (entered === '' || busy || waitMs > 0) return input.current?.focus();
    if (!looksLikeKey(entered)) return setProblem(malformed);
    setBusy(true);
    const failure = await enter(entered);
    // On success this screen is gone.
    if (failure === null) return;
    setBusy(false);
    setProblem(failure);
    setUntil(failure.retryAfterMs === null ? null : performance.now() + failure.retryAfterMs);
    input.current?.select();
  };

  return (
    <EntryCard>
      <form onSubmit={submit} noValidate>
        <Stack gap="lg">
          <div>
            <Title order={1} size="h3">
              Enter your API key
            </Title>
            <Text c="dimmed" size="sm" mt={4}>
              It stays in this tab and is gone when you close it.
            </Text>
          </div>
          {problem !== null && <Problem error={problem} waitMs={waitMs} />}
          <PasswordInput
            ref={input}
            label="API key"
            size="md"
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            error={problem?.status === 401 || problem === malformed}
            autoComplete="off"
            autoCapitalize="none"
            autoCorrect="off"
            spellCheck={false}
            visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the key', tabIndex: 0 }}
          />
          <Button type="submit" size="md" loading={busy} disabled={waitMs > 0} fullWidth>
            Continue
          </Button>
          <Text c="dimmed" size="sm">
            The server printed a key when it started for the first time. To make another one, run{' '}
            <Code className={styles.command}>open-speech keys create</Code> on its machine.
          </Text>
        </Stack>
      </form>
    </EntryCard>
  );
}

function Problem({ error, waitMs }: { error: ApiError; waitMs: number }) {
  const { title, text } = entryProblem(error, waitMs);
  return (
    <Alert color="red" role="alert" icon={<Icon name="warning" />} title={title}>
      {text}
    </Alert>
  );
}
