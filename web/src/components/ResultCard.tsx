import { Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Card } from './Card.tsx';
import styles from './ResultCard.module.css';

interface ResultCardProps {
  title: string;
  /** What can be done with it: buttons and fields beside the title. */
  tools?: ReactNode;
  children: ReactNode;
}

/** What came of the work. */
export function ResultCard({ title, tools, children }: ResultCardProps) {
  return (
    <Card label={title}>
      <div className={styles.head}>
        <Title order={2} size="h4">
          {title}
        </Title>
        {tools !== undefined && <div className={styles.tools}>{tools}</div>}
      </div>
      {children}
    </Card>
  );
}
