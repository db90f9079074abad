import { Progress, Text } from '@mantine/core';
import { workbench } from '../app/workbench.ts';
import { useStore } from '../lib/store.ts';
import { clock, span } from '../lib/time.ts';
import styles from './TranscriptionProgress.module.css';

/** How far the transcription is: by the recording's own clock once the first words have come. */
export function TranscriptionProgress() {
  const { phase, segments, text, tookMs } = useStore(workbench.transcription);
  const { duration } = useStore(workbench.transcription.player);
  const reached = segments.at(-1)?.end ?? 0;
  const known = Number.isFinite(duration) && duration > 0;
  return (
    <>
      <Text size="sm" c="dimmed" role="status">
        {phase === 'working' && (reached > 0 || text !== '' ? 'Listening…' : 'Sending the recording…')}
        {phase === 'complete' && tookMs !== null && `Done in ${span(tookMs)}.`}
        {phase === 'cancelled' && 'Stopped.'}
      </Text>
      {phase === 'working' && known && reached > 0 && (
        <div className={styles.progress}>
          <Progress
            color="var(--accent)"
            value={Math.min(100, (reached / duration) * 100)}
            aria-label="Recognised so far"
          />
          <Text size="sm" c="dimmed" aria-hidden="true">
            {clock(reached)} / {clock(duration)}
          </Text>
        </div>
      )}
    </>
  );
}
