import { Text, VisuallyHidden } from '@mantine/core';
import { useStore } from '../lib/store.ts';
import type { LevelStore } from './level.ts';
import styles from './Meter.module.css';

/** Speech near a microphone fills the bar to about two thirds. */
export function Meter({ level: store }: { level: LevelStore }) {
  const { level, silent } = useStore(store);
  return (
    <>
      <div className={styles.meter}>
        <VisuallyHidden>
          <meter aria-label="Loudness" value={level} />
        </VisuallyHidden>
        <div className={styles.bar} data-loud={level > 0.95} aria-hidden="true" ref={(bar) => grow(bar, level)} />
      </div>
      <Text size="sm" c="var(--caution)" role="status" className={styles.silent}>
        {silent && 'Nothing comes from this microphone. Is it muted, or is it another one?'}
      </Text>
    </>
  );
}

/** The policy of the page allows no style attributes; what a script sets on an element is none. */
function grow(bar: HTMLElement | null, level: number): void {
  if (bar !== null) bar.style.transform = `scaleX(${level})`;
}
