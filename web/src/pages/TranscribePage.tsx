import { Button } from '@mantine/core';
import { useState } from 'react';
import { hearingModels, noticesOf, pickModel } from '../api/models.ts';
import { workbench } from '../app/workbench.ts';
import { PlayerBar } from '../audio/PlayerBar.tsx';
import { Card } from '../components/Card.tsx';
import { ErrorNote } from '../components/ErrorNote.tsx';
import { Icon } from '../components/Icon.tsx';
import { ModelSelect } from '../components/ModelSelect.tsx';
import { SearchSelect } from '../components/SearchSelect.tsx';
import { StopButton } from '../components/StopButton.tsx';
import { Actions, IdleWorkplace, Workplace } from '../components/Workplace.tsx';
import { languageName } from '../lib/language.ts';
import { useStore } from '../lib/store.ts';
import { useApi, useCapabilities } from '../session/SessionContext.tsx';
import { RecordingChooser } from '../transcribe/RecordingChooser.tsx';
import { TranscriptionProgress } from '../transcribe/TranscriptionProgress.tsx';
import { TranscriptView } from '../transcribe/TranscriptView.tsx';

const FIND_LANGUAGE = '';

export function TranscribePage() {
  const api = useApi();
  const capabilities = useCapabilities();
  const state = useStore(workbench.transcription);
  const [wantedModel, setWantedModel] = useState<string | null>(null);
  const [wantedLanguage, setWantedLanguage] = useState<string | null>(null);

  const models = hearingModels(capabilities);
  const model = pickModel(models, wantedModel, capabilities.defaults.stt);
  if (model === null) {
    const reason = 'This server cannot transcribe';
    return <IdleWorkplace title="Transcribe" reason={reason} notices={noticesOf(capabilities)} />;
  }

  const { languages, detectsLanguage } = model.transcribe;
  const choices = [
    ...(detectsLanguage || languages.length !== 1 ? [{ value: FIND_LANGUAGE, label: 'Found by the model' }] : []),
    ...languages.map((value) => ({ value, label: languageName(value) })).sort((a, b) => a.label.localeCompare(b.label)),
  ];
  const language = choices.find(({ value }) => value === wantedLanguage)?.value ?? choices[0]?.value ?? FIND_LANGUAGE;
  const running = state.phase === 'working';

  return (
    <Workplace
      title="Transcribe"
      desk={
        <Card>
          <RecordingChooser
            maxBytes={capabilities.limits.upload_bytes?.value ?? Number.POSITIVE_INFINITY}
            maxMs={capabilities.limits.recording_ms?.value ?? Number.POSITIVE_INFINITY}
          />
          {state.recording !== null && (
            <>
              <PlayerBar player={workbench.transcription.player} label="Recording" />
              <Actions>
                {running ? (
                  <StopButton onClick={() => workbench.transcription.cancel()} />
                ) : (
                  <Button
                    size="md"
                    leftSection={<Icon name="transcribe" />}
                    onClick={() => void workbench.transcription.transcribe(api, model.id, language || null)}
                  >
                    Transcribe
                  </Button>
                )}
                <TranscriptionProgress />
              </Actions>
            </>
          )}
          {state.error !== null && <ErrorNote title="That could not be transcribed" error={state.error} />}
        </Card>
      }
      settings={
        <Card label="Transcription settings">
          <ModelSelect models={models} value={model.id} onChange={setWantedModel} />
          <SearchSelect
            label="Language"
            data={choices}
            value={language}
            searchable={choices.length > 8}
            nothingFoundMessage="The model does not know that one"
            onChange={setWantedLanguage}
          />
        </Card>
      }
      result={<TranscriptView />}
    />
  );
}
