import { type ComboboxParsedItem, Select } from '@mantine/core';
import { useMemo } from 'react';
import type { Voice } from '../api/types.ts';
import styles from './VoiceSelect.module.css';
import { groupVoices, voiceMatches } from './voices.ts';

interface VoiceSelectProps {
  voices: Voice[];
  value: string | null;
  onChange(id: string): void;
}

/** Options drawn at once. Beyond it the list asks to be searched: thousands of rows make typing slow. */
const SHOWN = 250;

/** A voice out of hundreds: grouped by language, found by any words of its name, language, id or gender. */
export function VoiceSelect({ voices, value, onChange }: VoiceSelectProps) {
  const byId = useMemo(() => new Map(voices.map((voice) => [voice.id, voice])), [voices]);
  const groups = useMemo(() => groupVoices(voices, navigator.languages), [voices]);

  const find = ({ options, search }: { options: ComboboxParsedItem[]; search: string }): ComboboxParsedItem[] => {
    let room = SHOWN;
    const found: ComboboxParsedItem[] = [];
    for (const option of options) {
      if (!('group' in option)) continue;
      const items = option.items
        .filter((item) => {
          const voice = byId.get(item.value);
          return voice !== undefined && voiceMatches(voice, search);
        })
        .slice(0, room);
      room -= items.length;
      if (items.length > 0) found.push({ group: option.group, items });
    }
    return found;
  };

  return (
    <Select
      label="Voice"
      description={voices.length > 20 ? `${voices.length} voices. Type a name or a language.` : undefined}
      data={groups}
      value={value}
      onChange={(id) => id !== null && onChange(id)}
      allowDeselect={false}
      searchable
      // Typing replaces the name that stands there.
      onClick={(event) => event.currentTarget.select()}
      selectFirstOptionOnChange
      filter={find}
      limit={SHOWN}
      maxDropdownHeight={360}
      nothingFoundMessage="No voice like that"
      renderOption={({ option }) => {
        const voice = byId.get(option.value);
        return (
          <span className={styles.option}>
            <span>{voice?.name}</span>
            <span className={styles.detail}>{[voice?.gender, voice?.language].filter(Boolean).join(' · ')}</span>
          </span>
        );
      }}
    />
  );
}
