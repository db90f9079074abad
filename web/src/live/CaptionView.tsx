import { Button, Text, VisuallyHidden } from '@mantine/core';
import { memo } from 'react';
import { workbench } from '../app/workbench.ts';
import { ResultCard } from '../components/ResultCard.tsx';
import { ScrollingLog } from '../components/ScrollingLog.tsx';
import { useStore } from '../lib/store.ts';
import { clock } from '../lib/time.ts';
import type { TranscriptFormatName } from '../transcribe/formats.ts';
import { TranscriptTools } from '../transcribe/TranscriptTools.tsx';
import { type Paragraph, transcriptOf } from './captions.ts';
import { LatencyNote } from './LatencyNote.tsx';
import styles from './SaidView.module.css';

const FORMATS: TranscriptFormatName[] = ['text', 'srt', 'vtt', 'verbose_json'];

/** What was said, while it is said: what may still change is lighter. */
export function CaptionView() {
  const { captions } = useStore(workbench.live.captions);
  const { paragraphs, dropped } = captions;
  if (paragraphs.length === 0) return null;
  const last = paragraphs.findLast(({ done }) => done);
  return (
    <ResultCard title="Captions" tools={last && <Tools />}>
      {/* Read out below, a paragraph at a time: words that still change would be said again and again. */}
      <ScrollingLog label="Recognised words" grown={captions}>
        {dropped > 0 && (
          <Text size="sm" c="dimmed" mb="sm">
            {dropped === 1 ? 'The oldest paragraph is' : `The oldest ${dropped.toLocaleString('en')} paragraphs are`} no
            longer kept.
          </Text>
        )}
        <ol className={styles.list}>
          {paragraphs.map((paragraph) => (
            <Said key={paragraph.id} paragraph={paragraph} />
          ))}
        </ol>
      </ScrollingLog>
      <VisuallyHidden role="status">{last?.confirmed}</VisuallyHidden>
    </ResultCard>
  );
}

const Said = memo(function Said({ paragraph }: { paragraph: Paragraph }) {
  const { start, confirmed, tentative, moments } = paragraph;
  return (
    <li className={styles.paragraph}>
      <span className={styles.time}>{clock(start)}</span>
      <div>
        <p className={styles.words}>
          {confirmed}
          <span className={styles.tentative}>{tentative}</span>
        </p>
        <LatencyNote moments={moments} what="Final after" />
      </div>
    </li>
  );
});

function Tools() {
  const { captions, model, phase } = useStore(workbench.live.captions);
  return (
    <>
      <TranscriptTools
        formats={FORMATS}
        transcript={() => transcriptOf(captions, model)}
        fileName={(extension) => `captions.${extension}`}
      />
      {phase === 'idle' && (
        <Button variant="subtle" color="gray" onClick={() => workbench.live.captions.clear()}>
          Clear
        </Button>
      )}
    </>
  );
}
