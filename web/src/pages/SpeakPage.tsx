import { useMemo } from 'react';
import { noticesOf, pickModel, speakingModels } from '../api/models.ts';
import { workbench } from '../app/workbench.ts';
import { IdleWorkplace, Workplace } from '../components/Workplace.tsx';
import { useStore } from '../lib/store.ts';
import { useCapabilities } from '../session/SessionContext.tsx';
import { chooseVoice, voiceFamilies } from '../speak/families.ts';
import { SpeakDesk } from '../speak/SpeakDesk.tsx';
import { VoiceSettings } from '../speak/VoiceSettings.tsx';

/** Type and hear. */
export function SpeakPage() {
  const capabilities = useCapabilities();
  const { model: wantedModel, voice: wantedVoice, speed, format: wantedFormat } = useStore(workbench.draft);
  const models = useMemo(() => speakingModels(capabilities), [capabilities]);
  const model = pickModel(models, wantedModel, capabilities.defaults.tts);
  const families = useMemo(() => voiceFamilies(model?.speak.voices ?? []), [model]);
  const chosen = useMemo(
    () => chooseVoice(families, wantedVoice, capabilities.defaults.voice),
    [families, wantedVoice, capabilities],
  );
  const formats = capabilities.formats.speech;
  const format = formats.includes(wantedFormat) ? wantedFormat : 'mp3';

  if (model === null || chosen === null) {
    return <IdleWorkplace title="Speak" reason="This server cannot speak" notices={noticesOf(capabilities)} />;
  }
  return (
    <Workplace
      title="Speak"
      desk={
        <SpeakDesk
          model={model}
          voice={chosen.voice}
          format={format}
          maxChars={capabilities.limits.speech_input_chars?.value ?? Number.POSITIVE_INFINITY}
        />
      }
      settings={
        <VoiceSettings
          models={models}
          model={model}
          families={families}
          chosen={chosen}
          speed={speed}
          formats={formats}
          format={format}
        />
      }
    />
  );
}
