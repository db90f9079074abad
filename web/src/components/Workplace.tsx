import { type ReactNode, useRef } from 'react';
import type { Notice } from '../api/models.ts';
import { useKeptFocus } from '../lib/useKeptFocus.ts';
import { Notices } from './Notices.tsx';
import { PageTitle } from './PageTitle.tsx';
import styles from './Workplace.module.css';

interface WorkplaceProps {
  title: string;
  /** What is worked on: a card. */
  desk: ReactNode;
  /** How: a card beside it, or below it on a narrow screen. */
  settings: ReactNode;
  /** What came of it. */
  result?: ReactNode;
}

/** A page on which something is made: the work, its settings, and its result. */
export function Workplace({ title, desk, settings, result }: WorkplaceProps) {
  return (
    <>
      <PageTitle>{title}</PageTitle>
      <div className={styles.columns}>
        {desk}
        <div className={styles.settings}>{settings}</div>
        {result}
      </div>
    </>
  );
}

/** The same page where the server has no model for it. */
export function IdleWorkplace({ title, reason, notices }: { title: string; reason: string; notices: Notice[] }) {
  return (
    <>
      <PageTitle>{title}</PageTitle>
      <Notices title={reason} notices={notices} />
    </>
  );
}

/** The buttons of a desk, with what they lead to beside them. One may take the place of another. */
export function Actions({ children }: { children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  const keeping = useKeptFocus(place);
  return (
    <div ref={place} className={styles.actions} {...keeping}>
      {children}
    </div>
  );
}
