import { Code } from '@mantine/core';
import styles from './CommandLine.module.css';
import { CopyButton } from './CopyButton.tsx';

/** A line to run on the server's machine, ready to copy. */
export function CommandLine({ line }: { line: string }) {
  return (
    <div className={styles.line}>
      <Code className={styles.text}>{line}</Code>
      <CopyButton text={() => line} label="Copy this line" compact />
    </div>
  );
}
