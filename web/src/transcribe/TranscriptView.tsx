import { Text } from '@mantine/core';
import { workbench } from '../app/workbench.ts';
import { ResultCard } from '../components/ResultCard.tsx';
import { withExtension } from '../lib/fileName.ts';
import { useStore } from '../lib/store.ts';
import { clock } from '../lib/time.ts';
import { usableFormats } from './formats.ts';
import { TranscriptTools } from './TranscriptTools.tsx';
import styles from './TranscriptView.module.css';

/** What was said, growing while it is recognised; once it is complete it can be copied and saved. */
export function TranscriptView() {
  const { phase, text, segments, transcript, recording } = useStore(workbench.transcription);
  const words = transcript?.text ?? text;
  if (phase === 'idle' || (words === '' && segments.length === 0 && phase !== 'complete')) return null;
  const tools =
    transcript === null ? undefined : (
      <TranscriptTools
        formats={usableFormats(transcript)}
        transcript={() => transcript}
        fileName={(extension) => withExtension(recording?.name ?? 'recording', extension)}
      />
    );
  return (
    <ResultCard title="Transcript" tools={tools}>
      <div role="log" aria-label="Recognised words" className={styles.words}>
        {segments.length > 0 ? <Segments /> : <Text className={styles.plain}>{words}</Text>}
        {phase === 'complete' && words.trim() === '' && <Text c="dimmed">No words were found in this recording.</Text>}
      </div>
    </ResultCard>
  );
}

/** Lines with the time at which each begins; the time plays the recording from there. */
function Segments() {
  const { segments } = useStore(workbench.transcription);
  const playFrom = (start: number): void => {
    workbench.transcription.player.seek(start);
    void workbench.transcription.player.play();
  };
  return (
    <ol className={styles.segments}>
      {segments.map(({ start, text }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines are only ever added at the end
        <li key={at} className={styles.segment}>
          <button
            type="button"
            className={styles.start}
            aria-label={`Play from ${clock(start)}`}
            onClick={() => playFrom(start)}
          >
            {clock(start)}
          </button>
          <span>{text}</span>
        </li>
      ))}
    </ol>
  );
}
