import { Button, Text, VisuallyHidden } from '@mantine/core';
import { workbench } from '../app/workbench.ts';
import { Icon } from '../components/Icon.tsx';
import { RecordingLight } from '../components/RecordingLight.tsx';
import { useStore } from '../lib/store.ts';
import { clock } from '../lib/time.ts';
import styles from './Microphone.module.css';

const BARS = 24;

/** The microphone while it is being asked for and while it records. */
export function Microphone() {
  const { phase, level, elapsedMs } = useStore(workbench.recorder);
  const lit = Math.round(level * BARS);
  return (
    <section className={styles.microphone} aria-label="Microphone">
      <Text role="status" className={styles.state}>
        {phase === 'asking' ? (
          'Waiting for permission to use the microphone…'
        ) : (
          <>
            <RecordingLight /> Recording
          </>
        )}
      </Text>
      {phase === 'recording' && (
        <>
          <Text className={styles.time}>{clock(elapsedMs / 1000)}</Text>
          <VisuallyHidden>
            <meter aria-label="Loudness" value={level} />
          </VisuallyHidden>
          <div className={styles.meter} aria-hidden="true">
            {Array.from({ length: BARS }, (_, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the bars never move
              <span key={at} data-lit={at < lit} data-loud={at >= BARS * 0.9} />
            ))}
          </div>
        </>
      )}
      <div className={styles.buttons}>
        {phase === 'recording' && (
          <Button leftSection={<Icon name="stop" />} onClick={() => workbench.recorder.stop()} autoFocus>
            Finish
          </Button>
        )}
        <Button variant="default" onClick={() => workbench.recorder.cancel()}>
          Discard
        </Button>
      </div>
    </section>
  );
}
