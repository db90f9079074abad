import { Button, Text } from '@mantine/core';
import { useEffect, useMemo } from 'react';
import { noticesOf, pickModel, speakingModels } from '../api/models.ts';
import type { Capabilities } from '../api/types.ts';
import { workbench } from '../app/workbench.ts';
import { Notices } from '../components/Notices.tsx';
import { IdleWorkplace, Workplace } from '../components/Workplace.tsx';
import { useStore } from '../lib/store.ts';
import { CaptionView } from '../live/CaptionView.tsx';
import { type LiveModel, languageChoices, liveModels } from '../live/choices.ts';
import { DialogueView } from '../live/DialogueView.tsx';
import { IdleDesk, LiveDesk } from '../live/LiveDesk.tsx';
import { LiveSettings } from '../live/LiveSettings.tsx';
import { useApi, useCapabilities } from '../session/SessionContext.tsx';
import { chooseVoice, voiceFamilies } from '../speak/families.ts';

/** Speak and read along, or speak with the server. */
export function LivePage() {
  const capabilities = useCapabilities();
  const { mode, model: wanted } = useStore(workbench.live.choices);
  const models = useMemo(() => liveModels(capabilities), [capabilities]);
  const model = pickModel(models, wanted, capabilities.defaults.stt);
  // Nobody leaves a microphone open behind a page that does not show it.
  useEffect(() => () => workbench.live.stop(), []);
  if (model === null) {
    return <IdleWorkplace title="Live" reason="This server cannot hear" notices={noticesOf(capabilities)} />;
  }
  const Mode = mode === 'captions' ? CaptionsPlace : ConversationPlace;
  return <Mode capabilities={capabilities} models={models} model={model} />;
}

interface PlaceProps {
  capabilities: Capabilities;
  models: LiveModel[];
  model: LiveModel;
}

function CaptionsPlace({ capabilities, models, model }: PlaceProps) {
  const api = useApi();
  const { device, language, pauseMs } = useStore(workbench.live.choices);
  const { phase, captions, problem } = useStore(workbench.live.captions);
  return (
    <Workplace
      title="Live"
      desk={
        <LiveDesk
          begin="Start captions"
          hint="Speak, and the words appear. What is lighter may still change."
          phase={phase}
          doing="Listening"
          level={workbench.live.captions.level}
          problem={problem}
          continues={captions.paragraphs.length > 0}
          onStart={() =>
            workbench.live.captions.start({
              ...{ api, needsTicket: capabilities.auth.required, device, model: model.id, pauseMs },
              language: languageChoices(model.hears, language).language || null,
            })
          }
          onStop={() => workbench.live.captions.stop()}
        />
      }
      settings={<LiveSettings models={models} model={model} answers={null} running={phase !== 'idle'} />}
      result={<CaptionView />}
    />
  );
}

const DOING = { listening: 'Listening', hearing: 'You speak', thinking: 'Thinking…', speaking: 'Speaking' } as const;

function ConversationPlace({ capabilities, models, model }: PlaceProps) {
  const api = useApi();
  const { device, language, pauseMs, voice, instructions } = useStore(workbench.live.choices);
  const { phase, dialogue, problem } = useStore(workbench.live.conversation);
  const speaker = pickModel(speakingModels(capabilities), capabilities.defaults.tts);
  const families = useMemo(() => voiceFamilies(speaker?.speak.voices ?? []), [speaker]);
  const chosen = chooseVoice(families, voice, capabilities.defaults.voice);
  if (!capabilities.live.conversation || chosen === null) {
    return (
      <Workplace
        title="Live"
        desk={<IdleDesk>{chosen === null ? <NoVoice capabilities={capabilities} /> : <NoLanguageModel />}</IdleDesk>}
        settings={<LiveSettings models={models} model={model} answers={null} running={false} />}
      />
    );
  }
  const failure = dialogue.problem === null ? null : { title: 'There is no answer', text: dialogue.problem };
  return (
    <Workplace
      title="Live"
      desk={
        <LiveDesk
          begin="Start talking"
          hint="Ask something and pause: the answer is spoken. Speak into it to interrupt."
          phase={phase}
          doing={DOING[dialogue.doing]}
          level={workbench.live.conversation.level}
          problem={problem ?? failure}
          continues={dialogue.turns.length > 0}
          onStart={() =>
            workbench.live.conversation.start({
              ...{ api, needsTicket: capabilities.auth.required, device, model: model.id, pauseMs, instructions },
              language: languageChoices(model.hears, language).language || null,
              voice: chosen.voice.id,
            })
          }
          onStop={() => workbench.live.conversation.stop()}
        />
      }
      settings={
        <LiveSettings models={models} model={model} answers={{ families, chosen }} running={phase !== 'idle'} />
      }
      result={<DialogueView />}
    />
  );
}

function NoVoice({ capabilities }: { capabilities: Capabilities }) {
  return <Notices title="This server cannot speak" notices={noticesOf(capabilities)} />;
}

function NoLanguageModel() {
  return (
    <>
      <Notices
        title="No language model answers here yet"
        notices={[
          {
            text: 'Point OS_LLM_URL to any OpenAI-compatible chat endpoint, name the model in OS_LLM_MODEL, and start the server again. With Ollama on the same machine:',
            command: 'OS_LLM_URL=http://127.0.0.1:11434/v1 OS_LLM_MODEL=llama3.2 npm start',
          },
        ]}
      />
      <Text size="sm">
        Captions need none.{' '}
        <Button variant="light" size="compact-sm" onClick={() => workbench.live.choices.edit({ mode: 'captions' })}>
          Use captions
        </Button>
      </Text>
    </>
  );
}
