import { Paper } from '@mantine/core';
import type { KeyboardEventHandler, ReactNode } from 'react';
import styles from './Card.module.css';

interface CardProps {
  /** Makes it a region of that name. */
  label?: string;
  className?: string | undefined;
  onKeyDown?: KeyboardEventHandler<HTMLElement>;
  children: ReactNode;
}

/** A sheet that lies on the page. */
export function Card({ label, className, onKeyDown, children }: CardProps) {
  return (
    <Paper
      withBorder
      radius="lg"
      className={`${styles.card} ${className ?? ''}`}
      onKeyDown={onKeyDown}
      {...(label !== undefined && { component: 'section', 'aria-label': label })}
    >
      {children}
    </Paper>
  );
}
