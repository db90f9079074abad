import { Anchor, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ManagedModel } from '../api/manager.ts';
import { languageNames } from './browse.ts';
import styles from './ModelDetails.module.css';

/** What only some want to know of a model. */
export function ModelDetails({ id, model, abilities }: { id: string; model: ManagedModel; abilities: string[] }) {
  return (
    <dl className={styles.list} id={id}>
      {abilities.length > 0 && <Detail name="Abilities">{abilities.join(' · ')}</Detail>}
      <Detail name="Languages">{languageNames(model.languages).join(', ')}</Detail>
      {model.aliases.length > 0 && <Detail name="Also answers to">{model.aliases.join(', ')}</Detail>}
      <Detail name="Engine">{model.engine}</Detail>
      {model.loadedAt !== null && <Detail name="Loaded">{new Date(model.loadedAt).toLocaleString()}</Detail>}
      {model.notes.length > 0 && (
        <Detail name="Notes">
          <ul className={styles.notes}>
            {model.notes.map(({ text, source }) => (
              <li key={text}>
                {text} <Source source={source} />
              </li>
            ))}
          </ul>
        </Detail>
      )}
    </dl>
  );
}

function Detail({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <Text component="dt" size="sm" c="dimmed">
        {name}
      </Text>
      <Text component="dd" size="sm">
        {children}
      </Text>
    </>
  );
}

/** Where a note comes from: a link where it is an address, opened apart and without telling where one came from. */
function Source({ source }: { source: string }) {
  if (!source.startsWith('https://')) return <span className={styles.source}>({source})</span>;
  return (
    <Anchor href={source} target="_blank" rel="noreferrer" size="sm" className={styles.source}>
      {new URL(source).host}
    </Anchor>
  );
}
