import { Button, Text, TextInput, VisuallyHidden } from '@mantine/core';
import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import type { ManagedModel, ModelLibrary } from '../api/manager.ts';
import type { Model } from '../api/types.ts';
import { workbench } from '../app/workbench.ts';
import { Card } from '../components/Card.tsx';
import { Icon } from '../components/Icon.tsx';
import { Pills } from '../components/Pills.tsx';
import { SearchSelect } from '../components/SearchSelect.tsx';
import { useStore } from '../lib/store.ts';
import { useApi } from '../session/SessionContext.tsx';
import { abilities } from './abilities.ts';
import type { ModelAction } from './actions.ts';
import { arrivingIds } from './arrival.ts';
import { findModels, inOrder, keepOrder, languageChoices, type Search } from './browse.ts';
import styles from './ModelBrowser.module.css';
import { ModelDialog } from './ModelDialog.tsx';
import { entryId, ModelEntry } from './ModelEntry.tsx';
import { TASK_NAMES, type TaskGroup, taskOf } from './tasks.ts';
import { useModelActions } from './useModelActions.ts';

interface ModelBrowserProps {
  library: ModelLibrary;
  /** What the server says of the models that are here. */
  present: Model[];
  search: Search;
  onSearch(search: Search): void;
}

/** Entries drawn at once; more on request. A thousand of them would make typing slow. */
const PAGE = 40;

/** All models, found by task, language, place and words, each with what can be done with it. */
export function ModelBrowser({ library, present, search, onSearch }: ModelBrowserProps) {
  const api = useApi();
  const actions = useModelActions();
  const desk = useStore(workbench.models);
  const [typed, setTyped] = useState('');
  const text = useDeferredValue(typed);
  const [dialog, setDialog] = useState<{ action: ModelAction; id: string } | null>(null);

  const { models } = library;
  const found = useMemo(() => findModels(models, search, text), [models, search, text]);
  const asked = JSON.stringify([search, text]);
  const [view, setView] = useState(() => ({ asked, order: inOrder(found, text).map(({ id }) => id), room: PAGE }));
  // The order is made anew for each search, and kept while models change under it.
  if (view.asked !== asked) setView({ asked, order: inOrder(found, text).map(({ id }) => id), room: PAGE });
  const shown = useMemo(() => keepOrder(found, view.order).slice(0, view.room), [found, view]);
  const able = useMemo(() => new Map(present.map((model) => [model.id, abilities(model)])), [present]);

  // Downloads that began before the page was loaded, or elsewhere, are followed too; lost connections are made anew.
  useEffect(() => workbench.models.follow(api, arrivingIds(models), actions.refresh), [api, actions, models]);

  const act = useMemo(
    () =>
      (action: ModelAction, { id }: ManagedModel): void => {
        if (action === 'cancel' || action === 'load' || action === 'unload') actions[action](id);
        else if (action === 'pin' || action === 'unpin') actions.pin(id, action === 'pin');
        else setDialog({ action, id });
      },
    [actions],
  );

  const subject = dialog === null ? undefined : models.find(({ id }) => id === dialog.id);
  const close = (): void => {
    setDialog(null);
    // What opened the dialog may be gone: the keyboard goes on at the model itself.
    if (subject !== undefined) setTimeout(() => document.getElementById(entryId(subject.id))?.focus());
  };

  return (
    <Card label="All models">
      <Filters models={models} search={search} onSearch={onSearch} text={typed} onText={setTyped} />
      <Text size="sm" c="dimmed" role="status">
        {found.length === models.length
          ? `${models.length.toLocaleString('en')} models`
          : `${found.length.toLocaleString('en')} of ${models.length.toLocaleString('en')} models`}
      </Text>
      {found.length === 0 ? (
        <div className={styles.nothing}>
          <Text c="dimmed">No model is like that.</Text>
          <Button
            variant="default"
            onClick={() => {
              setTyped('');
              onSearch({});
            }}
          >
            Show all
          </Button>
        </div>
      ) : (
        <div>
          <div className={styles.columns} aria-hidden="true">
            <span>Model</span>
            <span>Size</span>
            <span>Memory</span>
            <span>Licence</span>
          </div>
          <ul className={styles.list}>
            {shown.map((model) => (
              <ModelEntry
                key={model.id}
                model={model}
                abilities={able.get(model.id) ?? NO_ABILITIES}
                transfer={desk.transfers[model.id]}
                busy={desk.busy[model.id]}
                failure={desk.failures[model.id]}
                onAction={act}
              />
            ))}
          </ul>
        </div>
      )}
      {shown.length < found.length && (
        <Button
          variant="default"
          className={styles.more}
          onClick={() => setView((before) => ({ ...before, room: before.room + PAGE }))}
        >
          Show {Math.min(PAGE, found.length - shown.length)} more of{' '}
          {(found.length - shown.length).toLocaleString('en')}
        </Button>
      )}
      <VisuallyHidden role="status" aria-label="News of models">
        {desk.news}
      </VisuallyHidden>
      {dialog !== null && subject !== undefined && (
        <ModelDialog
          action={dialog.action}
          model={subject}
          freeBytes={library.freeBytes}
          actions={actions}
          onClose={close}
        />
      )}
    </Card>
  );
}

const NO_ABILITIES: string[] = [];

interface FiltersProps {
  models: readonly ManagedModel[];
  search: Search;
  onSearch(search: Search): void;
  text: string;
  onText(text: string): void;
}

const ANY = 'any';

function Filters({ models, search, onSearch, text, onText }: FiltersProps) {
  const languages = useMemo(() => languageChoices(models, navigator.languages), [models]);
  const change = (part: { [K in keyof Search]?: Search[K] | typeof ANY }): void => {
    const next = Object.entries({ ...search, ...part }).filter(([, value]) => value !== ANY && value !== undefined);
    onSearch(Object.fromEntries(next));
  };
  const tasks: (TaskGroup | typeof ANY)[] = [ANY, 'stt', 'tts', 'helper'];
  const count = (task: TaskGroup | typeof ANY): number =>
    task === ANY ? models.length : models.filter((model) => taskOf(model) === task).length;
  const here = models.filter((model) => model.present).length;
  return (
    <search className={styles.filters}>
      <Pills
        label="Task"
        choices={tasks.map((value) => ({
          value,
          label: value === ANY ? 'All' : TASK_NAMES[value],
          count: count(value),
        }))}
        value={search.task ?? ANY}
        onChange={(task) => change({ task })}
      />
      <Pills
        label="Installed or not"
        choices={[
          { value: ANY, label: 'Any' },
          { value: 'here', label: 'Installed', count: here },
          { value: 'away', label: 'Not installed', count: models.length - here },
        ]}
        value={search.where ?? ANY}
        onChange={(where) => change({ where })}
      />
      <TextInput
        type="search"
        aria-label="Search models"
        placeholder="Name, language or licence"
        leftSection={<Icon name="search" />}
        value={text}
        onChange={(event) => onText(event.currentTarget.value)}
      />
      <SearchSelect
        aria-label="Language"
        data={[
          { value: ANY, label: 'All languages' },
          ...languages.map(({ language, name, count: n }) => ({ value: language, label: `${name} (${n})` })),
        ]}
        value={search.language ?? ANY}
        nothingFoundMessage="No model knows that one"
        onChange={(language) => change({ language: language ?? ANY })}
      />
    </search>
  );
}
