import { Progress, Text } from '@mantine/core';
import type { Transfer } from '../api/transferEvents.ts';
import { percentOf, transferWords } from './arrival.ts';
import styles from './TransferBar.module.css';

/** How a model on its way comes along: a bar, bytes, rate and the time it still takes. */
export function TransferBar({ id, transfer }: { id: string; transfer: Transfer }) {
  const percent = percentOf(transfer);
  const words = transferWords(transfer);
  return (
    <div className={styles.transfer}>
      <Progress.Root size="sm">
        <Progress.Section
          value={percent ?? 100}
          color="var(--accent)"
          striped={percent === null}
          animated={percent === null}
          aria-label={`Download of ${id}`}
          aria-valuetext={words.join(', ')}
          {...(percent === null && { 'aria-valuenow': undefined })}
        />
      </Progress.Root>
      <Text size="sm" c="dimmed" className={styles.words} aria-hidden="true">
        {words.map((word) => (
          <span key={word}>{word}</span>
        ))}
      </Text>
    </div>
  );
}
