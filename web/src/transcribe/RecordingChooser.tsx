import { Button, Text } from '@mantine/core';
import { type DragEvent, useEffect, useRef, useState } from 'react';
import { workbench } from '../app/workbench.ts';
import { Icon } from '../components/Icon.tsx';
import { fileSize } from '../lib/size.ts';
import { useStore } from '../lib/store.ts';
import { Microphone } from './Microphone.tsx';
import styles from './RecordingChooser.module.css';

interface RecordingChooserProps {
  /** What the server takes. */
  maxBytes: number;
  maxMs: number;
}

/** Where the recording comes from: dropped, chosen, or spoken into the microphone. */
export function RecordingChooser({ maxBytes, maxMs }: RecordingChooserProps) {
  const { recording } = useStore(workbench.transcription);
  const { phase, problem: microphoneProblem } = useStore(workbench.recorder);
  const [fileProblem, setFileProblem] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useNoStrayDrops();

  const take = (file: File | undefined): void => {
    setOver(false);
    if (file === undefined) return;
    const problem = fileProblemOf(file, maxBytes);
    setFileProblem(problem);
    if (problem === null) workbench.transcription.choose({ audio: file, name: file.name });
  };

  const record = async (): Promise<void> => {
    setFileProblem(null);
    const made = await workbench.recorder.record(maxBytes, maxMs);
    if (made !== null) workbench.transcription.choose(made);
  };

  if (phase !== 'idle') return <Microphone />;
  const problem = fileProblem ?? microphoneProblem;
  return (
    <section
      aria-label="Choose a recording"
      className={styles.zone}
      data-over={over}
      data-filled={recording !== null}
      onDragOver={(event: DragEvent) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event: DragEvent) => {
        event.preventDefault();
        take(event.dataTransfer.files[0]);
      }}
    >
      {recording === null ? (
        <Text className={styles.hint}>Drop a recording here, or</Text>
      ) : (
        <Text className={styles.file}>
          <Icon name="file" />
          <span className={styles.name}>{recording.name}</span>
          <span className={styles.size}>{fileSize(recording.audio.size)}</span>
        </Text>
      )}
      <div className={styles.buttons}>
        <Button variant="default" leftSection={<Icon name="upload" />} onClick={() => input.current?.click()}>
          {recording === null ? 'Choose a file' : 'Choose another'}
        </Button>
        <Button variant="default" leftSection={<Icon name="microphone" />} onClick={() => void record()}>
          Record
        </Button>
      </div>
      <input
        ref={input}
        type="file"
        accept="audio/*,video/mp4,video/webm,.opus,.flac,.m4a"
        aria-label="Recording file"
        hidden
        onChange={(event) => {
          take(event.currentTarget.files?.[0]);
          // The same file may be chosen again.
          event.currentTarget.value = '';
        }}
      />
      {problem !== null && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          {problem}
        </Text>
      )}
    </section>
  );
}

function fileProblemOf(file: File, maxBytes: number): string | null {
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > maxBytes) {
    return `${file.name} is ${fileSize(file.size)}; this server takes up to ${fileSize(maxBytes)}.`;
  }
  return null;
}

/** A file dropped beside the zone would make the browser leave the page. */
function useNoStrayDrops(): void {
  useEffect(() => {
    const stay = (event: Event): void => event.preventDefault();
    window.addEventListener('dragover', stay);
    window.addEventListener('drop', stay);
    return () => {
      window.removeEventListener('dragover', stay);
      window.removeEventListener('drop', stay);
    };
  }, []);
}
