import { Paper, Select, Slider, Text } from '@mantine/core';
import { useId } from 'react';
import type { SpeakingModel } from '../api/models.ts';
import { workbench } from '../app/workbench.ts';
import { useStore } from '../lib/store.ts';
import { type ChosenVoice, variantName, voiceId } from './chooseVoice.ts';
import { nearestSpeed, speedSteps } from './speeds.ts';
import { VoiceSelect } from './VoiceSelect.tsx';
import styles from './VoiceSettings.module.css';

interface VoiceSettingsProps {
  models: SpeakingModel[];
  model: SpeakingModel;
  chosen: ChosenVoice | null;
  formats: string[];
}

const OWN_MANNER = '';

const FORMAT_NAMES: Record<string, string> = {
  mp3: 'MP3, plays at once',
  opus: 'Opus, smallest',
  aac: 'AAC',
  m4a: 'M4A',
  flac: 'FLAC, lossless',
  wav: 'WAV, uncompressed',
  pcm: 'PCM, raw 24 kHz',
};

/** Who speaks, how fast, and in which file format. */
export function VoiceSettings({ models, model, chosen, formats }: VoiceSettingsProps) {
  const draft = useStore(workbench.draft);
  const speedLabel = useId();
  const steps = model.speak.speed === null ? [] : speedSteps(model.speak.speed);
  const speed = nearestSpeed(steps, draft.speed);
  const name = (value: number): string => `${steps[value] ?? 1}×`;

  return (
    <Paper withBorder radius="lg" className={styles.card} component="section" aria-label="Voice settings">
      <Select
        label="Model"
        data={models.map(({ id }) => id)}
        value={model.id}
        allowDeselect={false}
        onChange={(id) => workbench.draft.edit({ model: id })}
      />
      <VoiceSelect
        voices={model.speak.voices}
        value={chosen?.voice.id ?? null}
        onChange={(id) => workbench.draft.edit({ voice: voiceId(id, chosen?.variant ?? null) })}
      />
      {chosen !== null && model.speak.variants.length > 0 && (
        <Select
          label="Manner"
          data={[
            { value: OWN_MANNER, label: 'The voice’s own' },
            ...model.speak.variants.map((value) => ({ value, label: variantName(value) })),
          ]}
          value={chosen.variant ?? OWN_MANNER}
          allowDeselect={false}
          onChange={(variant) => workbench.draft.edit({ voice: voiceId(chosen.voice.id, variant || null) })}
        />
      )}
      {steps.length > 1 && (
        <div>
          <Text size="sm" fw={500} id={speedLabel} className={styles.speed}>
            Speed <span>{name(speed)}</span>
          </Text>
          <Slider
            min={0}
            max={steps.length - 1}
            step={1}
            value={speed}
            label={null}
            color="var(--accent)"
            thumbLabel="Speed"
            thumbValueText={name}
            startPointValue={steps.indexOf(1)}
            onChange={(at) => workbench.draft.edit({ speed: steps[at] ?? 1 })}
          />
        </div>
      )}
      <Select
        label="Format"
        data={formats.map((value) => ({ value, label: FORMAT_NAMES[value] ?? value.toUpperCase() }))}
        value={formats.includes(draft.format) ? draft.format : 'mp3'}
        allowDeselect={false}
        onChange={(format) => format !== null && workbench.draft.edit({ format })}
      />
    </Paper>
  );
}
