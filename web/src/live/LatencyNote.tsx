import { Tooltip, UnstyledButton } from '@mantine/core';
import { span } from '../lib/time.ts';
import styles from './LatencyNote.module.css';
import { type Moments, stagesOf, totalOf } from './latency.ts';

/** How long it took since the last word; where each part of it went, when it is pointed at or focused. */
export function LatencyNote({ moments, what }: { moments: Moments; what: string }) {
  const stages = stagesOf(moments);
  const total = totalOf(moments);
  if (total === null || stages.length === 0) return null;
  return (
    <Tooltip
      multiline
      w="min(26rem, 90vw)"
      withArrow
      events={{ hover: true, focus: true, touch: true }}
      label={
        <span className={styles.stages}>
          {stages.map(({ name, ms, about }) => (
            <span key={name} className={styles.stage}>
              <b>
                {name} {span(ms)}
              </b>
              <span>{about}</span>
            </span>
          ))}
        </span>
      }
    >
      <UnstyledButton className={styles.note}>
        {what} {span(total)}
        <span className={styles.parts}>
          {stages.map(({ name, ms }) => (
            <span key={name}>
              {name} {span(ms)}
            </span>
          ))}
        </span>
      </UnstyledButton>
    </Tooltip>
  );
}
