import { Alert, Text } from '@mantine/core';
import type { ApiError } from '../api/errors.ts';
import { span } from '../lib/time.ts';
import { Icon } from './Icon.tsx';

interface ErrorNoteProps {
  error: ApiError;
  title: string;
  /** Where it can be put away. */
  onClose?: () => void;
}

/** A failed request: what the server said, when to try again, and the number to ask about. */
export function ErrorNote({ error, title, onClose }: ErrorNoteProps) {
  return (
    <Alert
      color="red"
      role="alert"
      icon={<Icon name="warning" />}
      title={title}
      {...(onClose !== undefined && { withCloseButton: true, closeButtonLabel: 'Dismiss', onClose })}
    >
      {error.message}
      {error.retryAfterMs !== null && ` Try again in ${span(error.retryAfterMs)}.`}
      {error.status >= 500 && error.requestId !== null && (
        <Text size="xs" c="dimmed" mt={4}>
          Request {error.requestId}
        </Text>
      )}
    </Alert>
  );
}
