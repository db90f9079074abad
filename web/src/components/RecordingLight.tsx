import styles from './RecordingLight.module.css';

/** The red light of a microphone that is on. Whoever shows it says so in words, too. */
export function RecordingLight() {
  return <span className={styles.light} aria-hidden="true" />;
}
