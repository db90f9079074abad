import { Kbd, Text } from '@mantine/core';
import styles from './Shortcut.module.css';

/** Tells of the keys that begin what the page is for. */
export function Shortcut() {
  return (
    <Text size="sm" c="dimmed" className={styles.shortcut} aria-hidden="true">
      <Kbd>Ctrl</Kbd> + <Kbd>Enter</Kbd>
    </Text>
  );
}
