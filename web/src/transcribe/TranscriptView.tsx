import { Button, Select, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { workbench } from '../app/workbench.ts';
import { Card } from '../components/Card.tsx';
import { CopyButton } from '../components/CopyButton.tsx';
import { Icon } from '../components/Icon.tsx';
import { withExtension } from '../lib/fileName.ts';
import { saveFile } from '../lib/save.ts';
import { useStore } from '../lib/store.ts';
import { clock } from '../lib/time.ts';
import { type TranscriptFormatName, transcriptFormats, usableFormats } from './formats.ts';
import styles from './TranscriptView.module.css';
import type { Transcript } from './transcript.ts';

/** What was said, growing while it is recognised; once it is complete it can be copied and saved. */
export function TranscriptView() {
  const { phase, text, segments, transcript } = useStore(workbench.transcription);
  const words = transcript?.text ?? text;
  if (phase === 'idle' || (words === '' && segments.length === 0 && phase !== 'complete')) return null;
  return (
    <Card label="Transcript">
      <div className={styles.head}>
        <Title order={2} size="h4">
          Transcript
        </Title>
        {transcript !== null && <Output transcript={transcript} />}
      </div>
      <div role="log" aria-label="Recognised words" className={styles.words}>
        {segments.length > 0 ? <Segments /> : <Text className={styles.plain}>{words}</Text>}
        {phase === 'complete' && words.trim() === '' && <Text c="dimmed">No words were found in this recording.</Text>}
      </div>
    </Card>
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

function Output({ transcript }: { transcript: Transcript }) {
  const { recording } = useStore(workbench.transcription);
  const [wanted, setWanted] = useState<TranscriptFormatName>('text');
  const usable = usableFormats(transcript);
  const name = usable.includes(wanted) ? wanted : 'text';
  const { extension, type, write } = transcriptFormats[name];
  const save = (): void => {
    saveFile(new Blob([write(transcript)], { type }), withExtension(recording?.name ?? 'recording', extension));
  };
  return (
    <div className={styles.output}>
      <Select
        aria-label="Format"
        className={styles.format}
        data={usable.map((value) => ({ value, label: transcriptFormats[value].label }))}
        value={name}
        allowDeselect={false}
        onChange={(value) => setWanted(usable.find((format) => format === value) ?? 'text')}
      />
      <CopyButton label="Copy" text={() => write(transcript)} />
      <Button variant="default" leftSection={<Icon name="download" />} onClick={save}>
        Save
      </Button>
    </div>
  );
}
