import { Button, Kbd, Paper, Switch, Text, Textarea } from '@mantine/core';
import { type KeyboardEvent, useId, useRef } from 'react';
import { noticesOf, pickModel, speakingModels } from '../api/models.ts';
import { workbench } from '../app/workbench.ts';
import { PlayerBar } from '../audio/PlayerBar.tsx';
import { ErrorNote } from '../components/ErrorNote.tsx';
import { Icon } from '../components/Icon.tsx';
import { Notices } from '../components/Notices.tsx';
import { PageTitle } from '../components/PageTitle.tsx';
import { saveFile } from '../lib/save.ts';
import { useStore } from '../lib/store.ts';
import { useApi, useCapabilities } from '../session/SessionContext.tsx';
import { chooseVoice } from '../speak/chooseVoice.ts';
import { SpeechStatus } from '../speak/SpeechStatus.tsx';
import { sampleFor } from '../speak/samples.ts';
import { VoiceSettings } from '../speak/VoiceSettings.tsx';
import styles from './pages.module.css';

export function SpeakPage() {
  const api = useApi();
  const capabilities = useCapabilities();
  const draft = useStore(workbench.draft);
  const speech = useStore(workbench.speech);
  const { loaded } = useStore(workbench.speech.player);
  const input = useRef<HTMLTextAreaElement>(null);
  const counter = useId();

  const models = speakingModels(capabilities);
  const model = pickModel(models, draft.model, capabilities.defaults.tts);
  if (model === null) {
    return (
      <>
        <PageTitle>Speak</PageTitle>
        <Notices title="This server cannot speak" notices={noticesOf(capabilities)} />
      </>
    );
  }

  const chosen = chooseVoice(model.speak, draft.voice, capabilities.defaults.voice);
  const limit = capabilities.limits.speech_input_chars ?? Number.POSITIVE_INFINITY;
  const tooLong = draft.text.length > limit;
  const running = speech.phase === 'waiting' || speech.phase === 'arriving';

  const speak = (): void => {
    if (draft.text.trim() === '' || tooLong || chosen === null) {
      input.current?.focus();
      return;
    }
    void workbench.speech.speak(api, {
      model: model.id,
      voice: chosen.id,
      input: draft.text,
      response_format: capabilities.formats.speech.includes(draft.format) ? draft.format : 'mp3',
      ...(model.speak.speed !== null && { speed: draft.speed }),
      ...(draft.ssml && { input_type: 'ssml' as const }),
    });
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      speak();
    } else if (event.key === 'Escape' && running && !event.defaultPrevented) {
      workbench.speech.cancel();
    }
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: shortcuts for everything inside; each has its own button too
    <div onKeyDown={onKeyDown}>
      <PageTitle>Speak</PageTitle>
      <div className={styles.columns}>
        <Paper withBorder radius="lg" className={styles.card}>
          <Textarea
            ref={input}
            label="Text"
            aria-describedby={counter}
            placeholder="Type or paste what should be said."
            autosize
            minRows={8}
            maxRows={18}
            size="md"
            value={draft.text}
            error={tooLong}
            onChange={(event) => {
              workbench.draft.edit({ text: event.currentTarget.value });
              workbench.speech.dismissError();
            }}
          />
          <div className={styles.below}>
            <Switch
              label="SSML"
              checked={draft.ssml}
              onChange={(event) => workbench.draft.edit({ ssml: event.currentTarget.checked })}
            />
            <Text id={counter} size="sm" c={tooLong ? 'var(--mantine-color-error)' : 'dimmed'} className={styles.count}>
              {draft.text.length.toLocaleString('en')}
              {Number.isFinite(limit) && ` of ${limit.toLocaleString('en')}`} characters
              {tooLong && ': too long'}
            </Text>
          </div>
          <div className={styles.actions}>
            {running ? (
              <Button
                size="md"
                variant="default"
                leftSection={<Icon name="stop" />}
                onClick={() => workbench.speech.cancel()}
              >
                Stop
              </Button>
            ) : (
              <Button size="md" leftSection={<Icon name="speak" />} onClick={speak}>
                Speak
              </Button>
            )}
            {draft.text === '' && !running && (
              <Button
                variant="subtle"
                size="md"
                onClick={() => workbench.draft.edit({ text: sampleFor(chosen?.voice.language ?? 'en', draft.ssml) })}
              >
                Use a sample
              </Button>
            )}
            <SpeechStatus speech={speech} />
            <Text size="sm" c="dimmed" className={styles.shortcut} aria-hidden="true">
              <Kbd>Ctrl</Kbd> + <Kbd>Enter</Kbd>
            </Text>
          </div>
          {speech.error !== null && <ErrorNote title="That could not be spoken" error={speech.error} />}
          {loaded && speech.phase !== 'waiting' && (
            <PlayerBar player={workbench.speech.player} label="Spoken audio">
              {speech.saved !== null && (
                <Button
                  variant="default"
                  leftSection={<Icon name="download" />}
                  onClick={() => speech.saved !== null && saveFile(speech.saved.audio, speech.saved.name)}
                >
                  Save
                </Button>
              )}
            </PlayerBar>
          )}
        </Paper>
        <VoiceSettings models={models} model={model} chosen={chosen} formats={capabilities.formats.speech} />
      </div>
    </div>
  );
}
