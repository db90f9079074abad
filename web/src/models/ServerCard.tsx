import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ModelLibrary } from '../api/manager.ts';
import type { Capabilities, Readiness } from '../api/types.ts';
import { Card } from '../components/Card.tsx';
import { fileSize } from '../lib/size.ts';
import styles from './ServerCard.module.css';

interface ServerCardProps {
  capabilities: Capabilities;
  library: ModelLibrary | undefined;
  /** Null until the first answer. */
  readiness: Readiness | null;
  /** The last question got no answer. */
  failed: boolean;
}

/** The server's health and what its models take. */
export function ServerCard({ capabilities, library, readiness, failed }: ServerCardProps) {
  const { version, auth } = capabilities;
  const health = failed ? 'down' : (readiness?.status ?? 'unknown');
  const present = library?.models.filter((model) => model.present) ?? [];
  const loaded = present.filter(({ residentBytes }) => residentBytes > 0);
  const sum = (numbers: number[]): string => {
    const total = numbers.reduce((bytes, more) => bytes + more, 0);
    return total === 0 ? '' : fileSize(total);
  };
  return (
    <Card label="Server">
      <dl className={styles.facts}>
        <Fact name="Status">
          <span className={styles.health} data-health={health} role="status">
            {{ ready: 'Ready', not_ready: 'Starting', down: 'Not answering', unknown: 'Asking…' }[health]}
          </span>
        </Fact>
        <Fact name="Version">{version}</Fact>
        <Fact name="Access">{auth.required ? 'By API key' : 'Open to this machine'}</Fact>
        {library !== undefined && (
          <>
            <Fact name="Models installed">
              {present.length}{' '}
              <Detail>{sum(present.map(({ packaged, sizeBytes }) => (packaged ? 0 : sizeBytes)))}</Detail>
            </Fact>
            <Fact name="In memory">
              {loaded.length} <Detail>{sum(loaded.map(({ residentBytes }) => residentBytes))}</Detail>
            </Fact>
            {library.freeBytes !== null && <Fact name="Free on disk">{fileSize(library.freeBytes)}</Fact>}
          </>
        )}
      </dl>
    </Card>
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

function Detail({ children }: { children: string }) {
  return <span className={styles.detail}>{children}</span>;
}
