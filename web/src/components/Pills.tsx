import { VisuallyHidden } from '@mantine/core';
import { useId } from 'react';
import styles from './Pills.module.css';

export interface PillChoice<Value extends string> {
  value: Value;
  label: string;
  /** How many things lie behind it. */
  count?: number;
}

interface PillsProps<Value extends string> {
  label: string;
  choices: PillChoice<Value>[];
  value: Value;
  onChange(value: Value): void;
}

/** One of a few, all of them in sight: radio buttons, so that arrow keys go through them. */
export function Pills<Value extends string>({ label, choices, value, onChange }: PillsProps<Value>) {
  const name = useId();
  return (
    <fieldset className={styles.pills}>
      <VisuallyHidden component="legend">{label}</VisuallyHidden>
      {choices.map((choice) => (
        <label key={choice.value} className={styles.pill}>
          <input
            type="radio"
            name={name}
            checked={choice.value === value}
            onChange={() => onChange(choice.value)}
            aria-label={choice.count === undefined ? choice.label : `${choice.label}, ${choice.count}`}
          />
          {choice.label}
          {choice.count !== undefined && <span className={styles.count}>{choice.count.toLocaleString('en')}</span>}
        </label>
      ))}
    </fieldset>
  );
}
