import { ActionIcon, Slider, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Icon } from '../components/Icon.tsx';
import { useStore } from '../lib/store.ts';
import { clock } from '../lib/time.ts';
import styles from './PlayerBar.module.css';
import type { AudioPlayer } from './player.ts';

interface PlayerBarProps {
  player: AudioPlayer;
  /** Names the whole for screen readers: `Spoken audio`. */
  label: string;
  children?: ReactNode;
}

/** Nothing until there is something to play; then play or pause, where we are, and how long it is; `children` are further buttons at its end. */
export function PlayerBar({ player, label, children }: PlayerBarProps) {
  const { loaded, playing, position, duration, problem } = useStore(player);
  if (!loaded) return null;
  const known = Number.isFinite(duration) && duration > 0;
  return (
    <section className={styles.bar} aria-label={label}>
      <ActionIcon
        size={44}
        radius="xl"
        variant="light"
        aria-label={playing ? 'Pause' : 'Play'}
        onClick={() => player.toggle()}
      >
        {playing ? <Icon name="pause" size={22} /> : <Icon name="play" size={22} />}
      </ActionIcon>
      <div className={styles.track}>
        <Slider
          className={styles.slider}
          color="var(--accent)"
          thumbLabel="Position"
          label={null}
          min={0}
          max={known ? duration : 1}
          step={0.1}
          value={known ? position : 0}
          disabled={!known}
          onChange={(value) => player.seek(value)}
          thumbValueText={(value) => (known ? `${clock(value)} of ${clock(duration)}` : clock(value))}
        />
        <Text size="sm" c="dimmed" className={styles.time}>
          {clock(position)} / {known ? clock(duration) : '–:––'}
        </Text>
      </div>
      {children}
      {problem !== null && (
        <Text size="sm" c="var(--mantine-color-error)" className={styles.problem} role="alert">
          {problem}
        </Text>
      )}
    </section>
  );
}
