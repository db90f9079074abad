import { type ReactNode, useLayoutEffect, useRef } from 'react';
import styles from './ScrollingLog.module.css';

interface ScrollingLogProps {
  label: string;
  /** Changes when the content has grown. */
  grown: unknown;
  children: ReactNode;
}

/** Within so many pixels of the end somebody reads along. */
const NEAR = 48;

/**
 * A box whose content grows at its end, which stays in sight unless somebody has scrolled back. It is not read out as
 * it grows: that is up to whoever knows what in it is new.
 */
export function ScrollingLog({ label, grown, children }: ScrollingLogProps) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs because it has grown, not for what it reads
  useLayoutEffect(() => {
    if (follows.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [grown]);
  return (
    <div
      ref={box}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < NEAR;
      }}
      className={styles.box}
      role="log"
      aria-live="off"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
      tabIndex={0}
    >
      {children}
    </div>
  );
}
