import { Button, Select, Text, Title, VisuallyHidden } from '@mantine/core';
import { memo, useState } from 'react';
import { workbench } from '../app/workbench.ts';
import { Card } from '../components/Card.tsx';
import { CopyButton } from '../components/CopyButton.tsx';
import { Icon } from '../components/Icon.tsx';
import { saveFile } from '../lib/save.ts';
import { useStore } from '../lib/store.ts';
import { clock } from '../lib/time.ts';
import { type TranscriptFormatName, transcriptFormats } from '../transcribe/formats.ts';
import { type Paragraph, transcriptOf } from './captions.ts';
import { LatencyNote } from './LatencyNote.tsx';
import styles from './SaidView.module.css';
import { useStickToEnd } from './useStickToEnd.ts';

/** What was said, while it is said: what may still change is lighter. */
export function CaptionView() {
  const { captions } = useStore(workbench.live.captions);
  const { paragraphs, dropped } = captions;
  const { box, onScroll } = useStickToEnd<HTMLDivElement>(captions);
  if (paragraphs.length === 0) return null;
  const last = paragraphs.findLast(({ done }) => done);
  return (
    <Card label="Captions">
      <div className={styles.head}>
        <Title order={2} size="h4">
          Captions
        </Title>
        {last !== undefined && <Output />}
      </div>
      {/* Read out below, a paragraph at a time: words that still change would be said again and again. */}
      <div
        ref={box}
        onScroll={onScroll}
        className={styles.box}
        role="log"
        aria-live="off"
        aria-label="Recognised words"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
        tabIndex={0}
      >
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
      </div>
      <VisuallyHidden role="status">{last?.confirmed}</VisuallyHidden>
    </Card>
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

const FORMATS: TranscriptFormatName[] = ['text', 'srt', 'vtt', 'verbose_json'];

function Output() {
  const { captions, model, phase } = useStore(workbench.live.captions);
  const [wanted, setWanted] = useState<TranscriptFormatName>('text');
  const { extension, type, write } = transcriptFormats[wanted];
  const text = (): string => write(transcriptOf(captions, model));
  return (
    <div className={styles.output}>
      <Select
        aria-label="Format"
        className={styles.format}
        data={FORMATS.map((value) => ({ value, label: transcriptFormats[value].label }))}
        value={wanted}
        allowDeselect={false}
        onChange={(value) => setWanted(FORMATS.find((format) => format === value) ?? 'text')}
      />
      <CopyButton label="Copy" text={text} />
      <Button
        variant="default"
        leftSection={<Icon name="download" />}
        onClick={() => saveFile(new Blob([text()], { type }), `captions.${extension}`)}
      >
        Save
      </Button>
      {phase === 'idle' && (
        <Button variant="subtle" color="gray" onClick={() => workbench.live.captions.clear()}>
          Clear
        </Button>
      )}
    </div>
  );
}
