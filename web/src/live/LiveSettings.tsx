import { Select, Textarea } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { workbench } from '../app/workbench.ts';
import { Card } from '../components/Card.tsx';
import { ModelSelect } from '../components/ModelSelect.tsx';
import { useStore } from '../lib/store.ts';
import { span } from '../lib/time.ts';
import type { ChosenVoice, VoiceFamily } from '../speak/families.ts';
import { VoiceSelect } from '../speak/VoiceSelect.tsx';
import { type LiveModel, languageChoices, PAUSES_MS } from './choices.ts';
import styles from './LiveSettings.module.css';
import { type MicrophoneChoice, microphones } from './microphone.ts';

const ANY_DEVICE = '';

interface LiveSettingsProps {
  models: LiveModel[];
  model: LiveModel;
  /** Where the server answers, and with which voices. */
  answers: { families: VoiceFamily[]; chosen: ChosenVoice } | null;
  /** A line is open: what it was opened with stays. */
  running: boolean;
}

export function LiveSettings({ models, model, answers, running }: LiveSettingsProps) {
  const choices = useStore(workbench.live.choices);
  const devices = useMicrophones(running);
  const narrow = useMediaQuery('(max-width: 58em)');
  const { choices: languages, language } = languageChoices(model.hears, choices.language);
  const edit = workbench.live.choices.edit.bind(workbench.live.choices);
  // There they would stand between the button and what is said, and cannot be changed now.
  if (running && narrow) return null;
  return (
    <Card label="Live settings" className={running ? styles.running : undefined}>
      <Select
        label="Microphone"
        data={deviceChoices(devices, choices.device)}
        value={choices.device ?? ANY_DEVICE}
        allowDeselect={false}
        disabled={running}
        onChange={(id) => edit({ device: id || null })}
      />
      <ModelSelect models={models} value={model.id} disabled={running} onChange={(id) => edit({ model: id })} />
      <Select
        label="Language"
        data={languages}
        value={language}
        allowDeselect={false}
        disabled={running}
        searchable={languages.length > 8}
        nothingFoundMessage="The model does not know that one"
        onChange={(value) => edit({ language: value })}
      />
      <Select
        label="Pause"
        description="Silence that ends what you say"
        data={PAUSES_MS.map((ms) => ({ value: String(ms), label: span(ms) }))}
        value={String(choices.pauseMs)}
        allowDeselect={false}
        disabled={running}
        onChange={(value) => edit({ pauseMs: Number(value) })}
      />
      {answers !== null && (
        <>
          <fieldset disabled={running} className={styles.voice}>
            <VoiceSelect
              families={answers.families}
              value={answers.chosen.family.voice.id}
              onChange={({ voice }) => edit({ voice: voice.id })}
            />
          </fieldset>
          <Textarea
            label="Instructions"
            description="What the language model is told beforehand"
            placeholder="Answer briefly, as one speaks."
            autosize
            minRows={2}
            maxRows={8}
            maxLength={8000}
            value={choices.instructions}
            disabled={running}
            onChange={(event) => edit({ instructions: event.currentTarget.value })}
          />
        </>
      )}
    </Card>
  );
}

/** The chosen one is among them also while browsers do not name it yet, and when it was taken away. */
function deviceChoices(devices: MicrophoneChoice[], chosen: string | null): { value: string; label: string }[] {
  const known = devices.map(({ id, name }) => ({ value: id, label: name }));
  const missing = chosen !== null && !devices.some(({ id }) => id === chosen);
  return [
    { value: ANY_DEVICE, label: 'The browser’s choice' },
    ...known,
    ...(missing ? [{ value: chosen, label: devices.length === 0 ? 'The one of last time' : 'Not connected now' }] : []),
  ];
}

/** Named once the page was allowed to use one, and again as they come and go. */
function useMicrophones(running: boolean): MicrophoneChoice[] {
  const [devices, setDevices] = useState<MicrophoneChoice[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the names are told after the permission was given
  useEffect(() => {
    const look = (): void => void microphones().then(setDevices);
    look();
    navigator.mediaDevices?.addEventListener('devicechange', look);
    return () => navigator.mediaDevices?.removeEventListener('devicechange', look);
  }, [running]);
  return devices;
}
