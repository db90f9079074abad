import { Alert, Button, Text, VisuallyHidden } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { workbench } from '../app/workbench.ts';
import { Card } from '../components/Card.tsx';
import { Icon } from '../components/Icon.tsx';
import { Pills } from '../components/Pills.tsx';
import { RecordingLight } from '../components/RecordingLight.tsx';
import { Shortcut } from '../components/Shortcut.tsx';
import { StopButton } from '../components/StopButton.tsx';
import { Actions } from '../components/Workplace.tsx';
import { useStore } from '../lib/store.ts';
import type { CallPhase } from './captionStore.ts';
import type { Closing } from './closing.ts';
import styles from './LiveDesk.module.css';
import type { LevelStore } from './level.ts';
import { Meter } from './Meter.tsx';

interface LiveDeskProps {
  /** Which of the two is begun. */
  begin: string;
  phase: CallPhase;
  /** What goes on while the line is open. */
  doing: string;
  level: LevelStore;
  problem: Closing | null;
  /** What will happen, as long as nothing was said. */
  hint: string;
  /** Something was said already, on a line before. */
  continues: boolean;
  onStart(): void;
  onStop(): void;
}

const PHASES: Record<CallPhase, string> = {
  idle: '',
  asking: 'Waiting for the microphone…',
  connecting: 'Connecting…',
  live: 'The microphone is on',
  ending: 'Hearing the rest…',
};

/** Where live speech begins and ends. Ctrl+Enter begins, Escape ends. */
export function LiveDesk({ begin, phase, doing, level, problem, hint, continues, onStart, onStop }: LiveDeskProps) {
  const idle = phase === 'idle';
  useHotkeys(
    [
      ['mod+Enter', () => idle && onStart()],
      ['Escape', () => !idle && onStop()],
    ],
    [],
  );
  return (
    <Card>
      <ModePills disabled={!idle} />
      <Actions>
        {idle ? (
          <Button size="md" leftSection={<Icon name="microphone" />} onClick={onStart}>
            {continues ? 'Go on' : begin}
          </Button>
        ) : (
          <StopButton stopping={phase === 'ending'} onClick={onStop} />
        )}
        {idle ? (
          <Shortcut />
        ) : (
          <Text size="sm" className={styles.state} aria-hidden="true">
            {phase === 'live' && <RecordingLight />}
            {phase === 'live' ? doing : PHASES[phase]}
          </Text>
        )}
        {(phase === 'live' || phase === 'connecting') && <Meter level={level} />}
        <VisuallyHidden role="status">{PHASES[phase]}</VisuallyHidden>
      </Actions>
      {!continues && problem === null && (
        <Text size="sm" c="dimmed">
          {hint}
        </Text>
      )}
      {problem !== null && (
        <Alert color="red" role="alert" icon={<Icon name="warning" />} title={problem.title}>
          {problem.text}
        </Alert>
      )}
    </Card>
  );
}

/** Captions or a conversation; not while one of them goes on. */
export function ModePills({ disabled = false }: { disabled?: boolean }) {
  const { mode } = useStore(workbench.live.choices);
  return (
    <fieldset disabled={disabled} className={styles.modes}>
      <Pills
        label="What to do"
        choices={[
          { value: 'captions', label: 'Captions' },
          { value: 'conversation', label: 'Conversation' },
        ]}
        value={mode}
        onChange={(value) => workbench.live.choices.edit({ mode: value })}
      />
    </fieldset>
  );
}

/** The desk where the server cannot do what was chosen. */
export function IdleDesk({ children }: { children: ReactNode }) {
  return (
    <Card>
      <ModePills />
      {children}
    </Card>
  );
}
