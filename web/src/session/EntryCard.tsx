import { Paper } from '@mantine/core';
import type { ReactNode } from 'react';
import { ColorSchemeToggle } from '../components/ColorSchemeToggle.tsx';
import { Logo } from '../components/Logo.tsx';
import styles from './EntryCard.module.css';

/** One card in the middle of an otherwise empty page: what is seen before the server lets anybody in. */
export function EntryCard({ children }: { children: ReactNode }) {
  return (
    <main className={styles.page}>
      <div className={styles.corner}>
        <ColorSchemeToggle />
      </div>
      <div className={styles.column}>
        <Logo size="large" />
        <Paper withBorder p="xl" radius="lg" className={styles.card}>
          {children}
        </Paper>
      </div>
    </main>
  );
}
