import { Button, Title } from '@mantine/core';
import { memo } from 'react';
import { workbench } from '../app/workbench.ts';
import { Card } from '../components/Card.tsx';
import { CopyButton } from '../components/CopyButton.tsx';
import { useStore } from '../lib/store.ts';
import { saidIn, type Turn } from './dialogue.ts';
import { LatencyNote } from './LatencyNote.tsx';
import styles from './SaidView.module.css';
import { useStickToEnd } from './useStickToEnd.ts';

const SPEAKERS = { you: 'You', server: 'Server' } as const;

/** Both sides of the conversation as text. */
export function DialogueView() {
  const { dialogue, phase } = useStore(workbench.live.conversation);
  const { turns } = dialogue;
  const { box, onScroll } = useStickToEnd<HTMLDivElement>(turns);
  if (turns.length === 0) return null;
  const text = (): string => turns.map((turn) => `${SPEAKERS[turn.speaker]}: ${saidIn(turn)}\n`).join('');
  return (
    <Card label="Conversation">
      <div className={styles.head}>
        <Title order={2} size="h4">
          Conversation
        </Title>
        <div className={styles.output}>
          <CopyButton label="Copy" text={text} />
          {phase === 'idle' && (
            <Button variant="subtle" color="gray" onClick={() => workbench.live.conversation.clear()}>
              Start afresh
            </Button>
          )}
        </div>
      </div>
      {/* Not read out as it grows: the answers are heard, and the rest the listener said. */}
      <div
        ref={box}
        onScroll={onScroll}
        className={styles.box}
        role="log"
        aria-live="off"
        aria-label="What was said"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
        tabIndex={0}
      >
        <ol className={styles.turns}>
          {turns.map((turn) => (
            <Said key={turn.id} turn={turn} />
          ))}
        </ol>
      </div>
    </Card>
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
