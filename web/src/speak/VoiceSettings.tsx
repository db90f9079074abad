import { Select, Slider, Text } from '@mantine/core';
import { memo } from 'react';
import type { SpeakingModel } from '../api/models.ts';
import { workbench } from '../app/workbench.ts';
import { Card } from '../components/Card.tsx';
import { ModelSelect } from '../components/ModelSelect.tsx';
import { type ChosenVoice, mannerName, sameManner, type VoiceFamily } from './families.ts';
import { nearestSpeed, speedSteps } from './speeds.ts';
import { VoiceSelect } from './VoiceSelect.tsx';
import styles from './VoiceSettings.module.css';

interface VoiceSettingsProps {
  models: SpeakingModel[];
  model: SpeakingModel;
  families: VoiceFamily[];
  chosen: ChosenVoice;
  speed: number;
  formats: string[];
  format: string;
}

const FORMAT_NAMES: Record<string, string> = {
  mp3: 'MP3, plays at once',
  opus: 'Opus, smallest',
  aac: 'AAC',
  m4a: 'M4A',
  flac: 'FLAC, lossless',
  wav: 'WAV, uncompressed',
  pcm: 'PCM, raw 24 kHz',
};

/** Who speaks, how fast, and in which file format. Drawn again only when one of them changes: its lists are long. */
export const VoiceSettings = memo(function VoiceSettings(props: VoiceSettingsProps) {
  const { models, model, families, chosen, formats, format } = props;
  const steps = model.speak.speed === null ? [] : speedSteps(model.speak.speed);
  const speed = nearestSpeed(steps, props.speed);
  const name = (value: number): string => `${steps[value] ?? 1}×`;

  return (
    <Card label="Voice settings">
      <ModelSelect models={models} value={model.id} onChange={(id) => workbench.draft.edit({ model: id })} />
      <VoiceSelect
        families={families}
        value={chosen.family.voice.id}
        onChange={(family) => workbench.draft.edit({ voice: sameManner(family, chosen) })}
      />
      {chosen.family.variants.length > 0 && (
        <Select
          label="Manner"
          data={[
            { value: chosen.family.voice.id, label: 'The voice’s own' },
            ...chosen.family.variants.map((variant) => ({
              value: variant.id,
              label: mannerName(chosen.family, variant),
            })),
          ]}
          value={chosen.voice.id}
          allowDeselect={false}
          onChange={(voice) => workbench.draft.edit({ voice })}
        />
      )}
      {steps.length > 1 && (
        <div>
          <Text size="sm" fw={500} className={styles.speed}>
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
        value={format}
        allowDeselect={false}
        onChange={(value) => value !== null && workbench.draft.edit({ format: value })}
      />
    </Card>
  );
});
