import { Button, Select } from '@mantine/core';
import { useState } from 'react';
import { CopyButton } from '../components/CopyButton.tsx';
import { Icon } from '../components/Icon.tsx';
import { saveFile } from '../lib/save.ts';
import { type TranscriptFormatName, transcriptFormats } from './formats.ts';
import styles from './TranscriptTools.module.css';
import type { Transcript } from './transcript.ts';

interface TranscriptToolsProps {
  /** Plain text among them. */
  formats: readonly TranscriptFormatName[];
  transcript(): Transcript;
  fileName(extension: string): string;
}

/** Copies and saves a transcript in the form that is chosen here. */
export function TranscriptTools({ formats, transcript, fileName }: TranscriptToolsProps) {
  const [wanted, setWanted] = useState<TranscriptFormatName>('text');
  const name = formats.includes(wanted) ? wanted : 'text';
  const { extension, type, write } = transcriptFormats[name];
  const text = (): string => write(transcript());
  return (
    <>
      <Select
        aria-label="Format"
        className={styles.format}
        data={formats.map((value) => ({ value, label: transcriptFormats[value].label }))}
        value={name}
        allowDeselect={false}
        onChange={(value) => setWanted(formats.find((format) => format === value) ?? 'text')}
      />
      <CopyButton label="Copy" text={text} />
      <Button
        variant="default"
        leftSection={<Icon name="download" />}
        onClick={() => saveFile(new Blob([text()], { type }), fileName(extension))}
      >
        Save
      </Button>
    </>
  );
}
