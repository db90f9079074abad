import { Button, Switch, Text, Textarea } from '@mantine/core';
import { getHotkeyHandler, useHotkeys } from '@mantine/hooks';
import { useId, useRef } from 'react';
import type { SpeakingModel } from '../api/models.ts';
import type { Voice } from '../api/types.ts';
import { workbench } from '../app/workbench.ts';
import { PlayerBar } from '../audio/PlayerBar.tsx';
import { Card } from '../components/Card.tsx';
import { ErrorNote } from '../components/ErrorNote.tsx';
import { Icon } from '../components/Icon.tsx';
import { Shortcut } from '../components/Shortcut.tsx';
import { StopButton } from '../components/StopButton.tsx';
import { Actions } from '../components/Workplace.tsx';
import { saveFile } from '../lib/save.ts';
import { useStore } from '../lib/store.ts';
import { useApi } from '../session/SessionContext.tsx';
import styles from './SpeakDesk.module.css';
import { SpeechStatus } from './SpeechStatus.tsx';
import { sampleFor } from './samples.ts';

interface SpeakDeskProps {
  model: SpeakingModel;
  voice: Voice;
  format: string;
  maxChars: number;
}

/** Where the text is written, spoken, heard and saved. Ctrl+Enter speaks, Escape stops. */
export function SpeakDesk({ model, voice, format, maxChars }: SpeakDeskProps) {
  const api = useApi();
  const { text, ssml, speed } = useStore(workbench.draft);
  const speech = useStore(workbench.speech);
  const { saved } = speech;
  const input = useRef<HTMLTextAreaElement>(null);
  const counter = useId();
  const tooLong = text.length > maxChars;
  const running = speech.phase === 'waiting' || speech.phase === 'arriving';

  const speak = (): void => {
    if (text.trim() === '' || tooLong) {
      input.current?.focus();
      return;
    }
    void workbench.speech.speak(api, {
      model: model.id,
      voice: voice.id,
      input: text,
      response_format: format,
      ...(model.speak.speed !== null && { speed }),
      ...(ssml && { input_type: 'ssml' as const }),
    });
  };

  // Anywhere on the page, also while a field has the focus.
  useHotkeys([['mod+Enter', speak]], []);

  const write = (change: { text: string } | { ssml: boolean }): void => {
    workbench.draft.edit(change);
    workbench.speech.dismissError();
  };

  return (
    <Card onKeyDown={getHotkeyHandler([['Escape', () => workbench.speech.cancel()]])}>
      <Textarea
        ref={input}
        label="Text"
        aria-describedby={counter}
        placeholder="Type or paste what should be said."
        autosize
        minRows={8}
        maxRows={18}
        size="md"
        value={text}
        error={tooLong}
        onChange={(event) => write({ text: event.currentTarget.value })}
      />
      <div className={styles.below}>
        <Switch label="SSML" checked={ssml} onChange={(event) => write({ ssml: event.currentTarget.checked })} />
        <Text id={counter} size="sm" c={tooLong ? 'var(--mantine-color-error)' : 'dimmed'} className={styles.count}>
          {text.length.toLocaleString('en')}
          {Number.isFinite(maxChars) && ` of ${maxChars.toLocaleString('en')}`} characters
          {tooLong && ': too long'}
        </Text>
      </div>
      <Actions>
        {running ? (
          <StopButton onClick={() => workbench.speech.cancel()} />
        ) : (
          <Button size="md" leftSection={<Icon name="speak" />} onClick={speak}>
            Speak
          </Button>
        )}
        {text === '' && !running && (
          <Button variant="subtle" size="md" onClick={() => write({ text: sampleFor(voice.language, ssml) })}>
            Use a sample
          </Button>
        )}
        <SpeechStatus speech={speech} />
        <Shortcut />
      </Actions>
      {speech.error !== null && <ErrorNote title="That could not be spoken" error={speech.error} />}
      {speech.phase !== 'waiting' && (
        <PlayerBar player={workbench.speech.player} label="Spoken audio">
          {saved !== null && (
            <Button
              variant="default"
              leftSection={<Icon name="download" />}
              onClick={() => saveFile(saved.audio, saved.name)}
            >
              Save
            </Button>
          )}
        </PlayerBar>
      )}
    </Card>
  );
}
