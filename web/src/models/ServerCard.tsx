import { Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Capabilities, Readiness } from '../api/types.ts';
import styles from './ServerCard.module.css';

interface ServerCardProps {
  capabilities: Capabilities;
  /** Null until the first answer. */
  readiness: Readiness | null;
  /** The last question got no answer. */
  failed: boolean;
}

/** The server's health and what it uses when a caller names nothing. */
export function ServerCard({ capabilities, readiness, failed }: ServerCardProps) {
  const { version, auth, defaults } = capabilities;
  const health = failed ? 'down' : (readiness?.status ?? 'unknown');
  return (
    <Paper withBorder radius="lg" className={styles.card} component="section" aria-label="Server">
      <dl className={styles.facts}>
        <Fact name="Status">
          <span className={styles.health} data-health={health} role="status">
            {{ ready: 'Ready', not_ready: 'Starting', down: 'Not answering', unknown: 'Asking…' }[health]}
          </span>
        </Fact>
        <Fact name="Version">{version}</Fact>
        <Fact name="Default voice">{defaults.voice ?? 'None'}</Fact>
        <Fact name="Default recogniser">{defaults.stt ?? 'None'}</Fact>
        <Fact name="Access">{auth.required ? 'By API key' : 'Open to this machine'}</Fact>
      </dl>
    </Paper>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="sm" c="dimmed">
        {name}
      </Text>
      <dd className={styles.value}>{children}</dd>
    </div>
  );
}
