import { Badge, Text } from '@mantine/core';
import { isUsable, troubleOf } from '../api/models.ts';
import type { Model } from '../api/types.ts';
import { CommandLine } from '../components/CommandLine.tsx';
import { languageName } from '../lib/language.ts';
import { abilities } from './abilities.ts';
import styles from './ModelEntry.module.css';

/** One model: its name, whether it can be used, what it can do, and what to do when it cannot. */
export function ModelEntry({ model, isDefault }: { model: Model; isDefault: boolean }) {
  const trouble = isUsable(model) ? null : troubleOf(model);
  const languages = [...new Set(model.languages.map(languageName))].sort((a, b) => a.localeCompare(b));
  return (
    <li className={styles.entry}>
      <div className={styles.head}>
        <Text component="h3" className={styles.name}>
          {model.id}
        </Text>
        {isDefault && (
          <Badge variant="light" size="sm">
            default
          </Badge>
        )}
        <Badge variant="dot" color={isUsable(model) ? 'green' : 'gray'} size="sm">
          {model.state}
        </Badge>
      </div>
      <Text size="sm" c="dimmed">
        {[`Engine ${model.engine}`, ...abilities(model)].join(' · ')}
      </Text>
      {model.aliases.length > 0 && (
        <Text size="sm" c="dimmed">
          Also answers to {model.aliases.join(', ')}
        </Text>
      )}
      {languages.length === 1 && (
        <Text size="sm" c="dimmed">
          {languages[0]}
        </Text>
      )}
      {languages.length > 1 && (
        <details className={styles.languages}>
          <summary>{languages.length} languages</summary>
          <Text size="sm" c="dimmed">
            {languages.join(', ')}
          </Text>
        </details>
      )}
      {trouble !== null && <Text size="sm">{trouble.text}</Text>}
      {trouble?.command != null && <CommandLine line={trouble.command} />}
    </li>
  );
}
