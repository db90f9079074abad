import { Button, Stack, Text, Title } from '@mantine/core';
import type { ApiError } from '../api/errors.ts';
import { EntryCard } from './EntryCard.tsx';
import { entryProblem } from './problem.ts';

export function UnreachableScreen({ error, retry }: { error: ApiError; retry(): void }) {
  const { title, text } = entryProblem(error, error.retryAfterMs ?? 0);
  return (
    <EntryCard>
      <Stack gap="lg" role="alert">
        <div>
          <Title order={1} size="h3">
            {title}
          </Title>
          <Text c="dimmed" mt={4}>
            {text}
          </Text>
        </div>
        <Button size="md" onClick={retry} fullWidth>
          Try again
        </Button>
      </Stack>
    </EntryCard>
  );
}
