import { Title } from '@mantine/core';
import { useEffect } from 'react';
import styles from './PageTitle.module.css';

/** The name of the page, at its top and on the browser's tab. */
export function PageTitle({ children }: { children: string }) {
  useEffect(() => {
    document.title = `${children} · Open Speech`;
    return () => {
      document.title = 'Open Speech';
    };
  }, [children]);
  return (
    <Title order={1} className={styles.title}>
      {children}
    </Title>
  );
}
