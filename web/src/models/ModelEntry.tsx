import { ActionIcon, Badge, Button, Loader, Menu, Text } from '@mantine/core';
import { memo, useState } from 'react';
import type { ManagedModel } from '../api/manager.ts';
import type { Transfer } from '../api/transferEvents.ts';
import { workbench } from '../app/workbench.ts';
import { CommandLine } from '../components/CommandLine.tsx';
import { ErrorNote } from '../components/ErrorNote.tsx';
import { Icon, type IconName } from '../components/Icon.tsx';
import { fileSize } from '../lib/size.ts';
import { actionsFor, type ModelAction } from './actions.ts';
import { transferOf } from './arrival.ts';
import { languageSummary } from './browse.ts';
import { LicenceFlag } from './LicenceFlag.tsx';
import { licenceName } from './licence.ts';
import { ModelDetails } from './ModelDetails.tsx';
import styles from './ModelEntry.module.css';
import type { Failure } from './modelDesk.ts';
import { TransferBar } from './TransferBar.tsx';
import { kindName, TASK_ICONS, taskOf } from './tasks.ts';
import { defaultNames, memoryWords, STATE_NAMES } from './words.ts';

interface ModelEntryProps {
  model: ManagedModel;
  /** What it can do, in a few words each; empty where it is not here. */
  abilities: string[];
  /** As its own events tell; else what the list says. */
  transfer: Transfer | undefined;
  /** What is being done to it. */
  busy: string | undefined;
  failure: Failure | undefined;
  /** Stays the same from one drawing to the next. */
  onAction(action: ModelAction, model: ManagedModel): void;
}

export const entryId = (id: string): string => `model-${id}`;

/** One model: what it is, what it costs, how it is, and what can be done with it. */
export const ModelEntry = memo(function ModelEntry(props: ModelEntryProps) {
  const { model, busy, failure } = props;
  const transfer = transferOf(model) === null ? null : (props.transfer ?? transferOf(model));
  const inMemory = memoryWords(model, Date.now());
  const [open, setOpen] = useState(false);
  const id = entryId(model.id);
  return (
    <li className={styles.entry} id={id} tabIndex={-1} aria-labelledby={`${id}-name`}>
      <div className={styles.about}>
        <div className={styles.head}>
          <Text component="h3" className={styles.name} id={`${id}-name`}>
            <Icon name={TASK_ICONS[taskOf(model)]} />
            <span>{model.id}</span>
          </Text>
          <span className={styles.state} data-state={model.state}>
            {STATE_NAMES[model.state]}
          </span>
          {defaultNames(model).map((name) => (
            <Badge key={name} variant="light" size="sm" className={styles.badge}>
              {name}
            </Badge>
          ))}
          {model.pinned && (
            <Badge variant="outline" size="sm" className={styles.badge} leftSection={<Icon name="pin" size={12} />}>
              Kept in memory
            </Badge>
          )}
        </div>
        {model.description !== '' && <Text size="sm">{model.description}</Text>}
        <Text size="sm" c="dimmed">
          {kindName(model.kind)} · {languageSummary(model, navigator.languages)}
        </Text>
        {inMemory.length > 0 && (
          <Text size="sm" c="dimmed">
            {inMemory.join(' · ')}
          </Text>
        )}
        <button
          type="button"
          className={styles.toggle}
          aria-expanded={open}
          aria-controls={open ? `${id}-details` : undefined}
          aria-label={`Details of ${model.id}`}
          onClick={() => setOpen(!open)}
        >
          Details
        </button>
      </div>
      <dl className={styles.facts}>
        <Fact name="Size">{model.packaged ? 'Packaged' : fileSize(model.sizeBytes)}</Fact>
        <Fact name="Memory">{model.memoryBytes === null ? 'Not known' : `≈ ${fileSize(model.memoryBytes)}`}</Fact>
        <div className={styles.licence}>
          <dt>Licence</dt>
          <dd>
            {licenceName(model.licence)}
            <LicenceFlag model={model} />
          </dd>
        </div>
      </dl>
      <Doing model={model} busy={busy} onAction={props.onAction} />
      <div className={styles.below}>
        {open && <ModelDetails id={`${id}-details`} model={model} abilities={props.abilities} />}
        {transfer !== null && <TransferBar id={model.id} transfer={transfer} />}
        {model.reason !== null && (
          <div className={styles.trouble}>
            <Text size="sm">{model.reason}</Text>
            {model.remedy !== null && <CommandLine line={model.remedy} />}
          </div>
        )}
        {failure !== undefined && (
          <ErrorNote title={failure.title} error={failure.error} onClose={() => workbench.models.dismiss(model.id)} />
        )}
      </div>
    </li>
  );
});

function Fact({ name, children }: { name: string; children: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const BUTTONS: Partial<Record<ModelAction, { label: string; icon: IconName; invites?: boolean }>> = {
  pull: { label: 'Download', icon: 'download', invites: true },
  cancel: { label: 'Cancel', icon: 'cross' },
  load: { label: 'Load', icon: 'load' },
  unload: { label: 'Unload', icon: 'eject' },
};

const ITEMS: Partial<Record<ModelAction, { label: string; icon: IconName }>> = {
  pin: { label: 'Keep in memory', icon: 'pin' },
  unpin: { label: 'Let it go when unused', icon: 'pin' },
  default: { label: 'Use as default…', icon: 'star' },
  pull: { label: 'Check and download again…', icon: 'download' },
  remove: { label: 'Delete…', icon: 'trash' },
};

/** The likely next thing as a button, the others behind three dots. */
function Doing({ model, busy, onAction }: Pick<ModelEntryProps, 'model' | 'busy' | 'onAction'>) {
  const actions = actionsFor(model);
  const first = actions.find((action) => action in BUTTONS);
  const button = first === undefined ? undefined : BUTTONS[first];
  const others = actions.filter((action) => action !== first && action in ITEMS);
  const doing =
    busy ?? (model.state === 'loading' || model.state === 'unloading' ? STATE_NAMES[model.state] : undefined);
  return (
    <div className={styles.actions}>
      {(button !== undefined || doing !== undefined) && (
        <Button
          size="sm"
          variant={button?.invites === true && doing === undefined ? 'light' : 'default'}
          className={styles.button}
          leftSection={doing === undefined ? <Icon name={button?.icon ?? 'load'} /> : <Loader size={16} />}
          // A button that is really disabled loses the focus of the keyboard.
          aria-disabled={doing !== undefined}
          data-disabled={doing !== undefined || undefined}
          aria-label={`${doing ?? button?.label} ${model.id}`}
          onClick={() => first !== undefined && doing === undefined && onAction(first, model)}
        >
          {doing === undefined ? button?.label : `${doing}…`}
        </Button>
      )}
      {others.length > 0 && (
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size={36} aria-label={`More for ${model.id}`}>
              <Icon name="more" size={20} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {others.map((action) => {
              const item = ITEMS[action];
              if (item === undefined) return null;
              return (
                <Menu.Item
                  key={action}
                  leftSection={<Icon name={item.icon} />}
                  {...(action === 'remove' && { color: 'var(--mantine-color-error)' })}
                  disabled={busy !== undefined}
                  onClick={() => onAction(action, model)}
                >
                  {item.label}
                </Menu.Item>
              );
            })}
          </Menu.Dropdown>
        </Menu>
      )}
    </div>
  );
}
