import { ActionIcon, Text, Title, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { DefaultModel, Task } from '../api/manager.ts';
import { defaultsQuery } from '../api/queries.ts';
import type { Capabilities } from '../api/types.ts';
import { workbench } from '../app/workbench.ts';
import { Card } from '../components/Card.tsx';
import { ErrorNote } from '../components/ErrorNote.tsx';
import { Icon } from '../components/Icon.tsx';
import { languageName } from '../lib/language.ts';
import { useStore } from '../lib/store.ts';
import { useApi } from '../session/SessionContext.tsx';
import styles from './DefaultsCard.module.css';
import { TASK_ICONS, TASK_NAMES } from './tasks.ts';
import { clearingKey, useModelActions } from './useModelActions.ts';

const TASKS: Task[] = ['stt', 'tts'];

/** Which model answers callers who name none, by task and language. What was chosen can be taken back. */
export function DefaultsCard({ defaults: current }: { defaults: Capabilities['defaults'] }) {
  const chosen = useQuery(defaultsQuery(useApi())).data ?? [];
  return (
    <Card label="Defaults">
      <div>
        <Title order={2} size="h4">
          Defaults
        </Title>
        <Text size="sm" c="dimmed">
          What callers get who name no model.
        </Text>
      </div>
      <div className={styles.tasks}>
        {TASKS.map((task) => (
          <TaskDefaults
            key={task}
            task={task}
            chosen={chosen.filter((one) => one.task === task)}
            current={current[task]}
            voice={task === 'tts' ? current.voice : null}
          />
        ))}
      </div>
    </Card>
  );
}

interface TaskDefaultsProps {
  task: Task;
  chosen: DefaultModel[];
  /** What is taken now where no language was chosen for. */
  current: string | null;
  voice: string | null;
}

function TaskDefaults({ task, chosen, current, voice }: TaskDefaultsProps) {
  const actions = useModelActions();
  const { failures, busy } = useStore(workbench.models);
  const forAll = chosen.find(({ language }) => language === null);
  const forOne = chosen.filter(({ language }) => language !== null);
  const rows = [
    { language: null, model: forAll?.model ?? current, removable: isRemovable(forAll) },
    ...forOne.map((one) => ({ language: one.language, model: one.model, removable: isRemovable(one) })),
  ];
  return (
    <div className={styles.task}>
      <Text component="h3" size="sm" fw={600} className={styles.name}>
        <Icon name={TASK_ICONS[task]} />
        {TASK_NAMES[task]}
      </Text>
      <ul className={styles.rows}>
        {rows.map(({ language, model, removable }) => {
          const name =
            language === null ? (forOne.length === 0 ? 'All languages' : 'All others') : languageName(language);
          const key = clearingKey(task, language);
          const failure = failures[key];
          return (
            <li key={language ?? '*'} className={styles.row}>
              <span className={styles.language}>{name}</span>
              <span className={styles.model}>
                {model ?? 'None'}
                {language === null && voice !== null && <span className={styles.voice}>voice {voice}</span>}
              </span>
              {removable && model !== null && (
                <Tooltip label="Take back">
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={`Take back ${model} as default for ${name} (${TASK_NAMES[task]})`}
                    disabled={key in busy}
                    onClick={() => actions.clearDefault(task, language)}
                  >
                    <Icon name="cross" />
                  </ActionIcon>
                </Tooltip>
              )}
              {failure !== undefined && (
                <ErrorNote title={failure.title} error={failure.error} onClose={() => workbench.models.dismiss(key)} />
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

/** What a setting of the server chose stays until that is changed. */
const isRemovable = (chosen: DefaultModel | undefined): boolean => chosen?.source === 'operator';
