import { Button } from '@mantine/core';
import { memo } from 'react';
import { workbench } from '../app/workbench.ts';
import { CopyButton } from '../components/CopyButton.tsx';
import { ResultCard } from '../components/ResultCard.tsx';
import { ScrollingLog } from '../components/ScrollingLog.tsx';
import { useStore } from '../lib/store.ts';
import { saidIn, type Turn } from './dialogue.ts';
import { LatencyNote } from './LatencyNote.tsx';
import styles from './SaidView.module.css';

const SPEAKERS = { you: 'You', server: 'Server' } as const;

/** Both sides of the conversation as text. */
export function DialogueView() {
  const { dialogue, phase } = useStore(workbench.live.conversation);
  const { turns } = dialogue;
  if (turns.length === 0) return null;
  const text = (): string => turns.map((turn) => `${SPEAKERS[turn.speaker]}: ${saidIn(turn)}\n`).join('');
  const tools = (
    <>
      <CopyButton label="Copy" text={text} />
      {phase === 'idle' && (
        <Button variant="subtle" color="gray" onClick={() => workbench.live.conversation.clear()}>
          Start afresh
        </Button>
      )}
    </>
  );
  return (
    <ResultCard title="Conversation" tools={tools}>
      {/* Not read out as it grows: the answers are heard, and the rest the listener said. */}
      <ScrollingLog label="What was said" grown={turns}>
        <ol className={styles.turns}>
          {turns.map((turn) => (
            <Said key={turn.id} turn={turn} />
          ))}
        </ol>
      </ScrollingLog>
    </ResultCard>
  );
}

const Said = memo(function Said({ turn }: { turn: Turn }) {
  const { speaker, text, state, heardChars, moments } = turn;
  const heard = saidIn(turn);
  return (
    <li className={styles.turn} data-speaker={speaker}>
      <span className={styles.speaker}>{SPEAKERS[speaker]}</span>
      <p className={styles.said}>
        {state === 'failed' ? <em>Not understood</em> : text === '' ? '…' : heard}
        {heardChars !== null && heardChars < text.length && (
          <s className={styles.unheard} title="Not heard: you spoke into it">
            {text.slice(heardChars)}
          </s>
        )}
      </p>
      {speaker === 'server' && <LatencyNote moments={moments} what="Answered in" />}
    </li>
  );
});
