import type { ComboboxParsedItem } from '@mantine/core';
import { SearchSelect } from '../components/SearchSelect.tsx';
import type { VoiceFamily } from './families.ts';
import styles from './VoiceSelect.module.css';
import { groupVoices, voiceMatches } from './voices.ts';

interface VoiceSelectProps {
  families: VoiceFamily[];
  value: string | null;
  onChange(family: VoiceFamily): void;
}

/** Options drawn at once. Beyond it the list asks to be searched: thousands of rows make typing slow. */
const SHOWN = 250;

/** A voice out of hundreds: grouped by language, found by any words of its name, language, id or gender. */
export function VoiceSelect({ families, value, onChange }: VoiceSelectProps) {
  const byId = new Map(families.map((family) => [family.voice.id, family]));
  const groups = groupVoices(
    families.map(({ voice }) => voice),
    navigator.languages,
  );

  const find = ({ options, search }: { options: ComboboxParsedItem[]; search: string }): ComboboxParsedItem[] => {
    let room = SHOWN;
    const found: ComboboxParsedItem[] = [];
    for (const option of options) {
      if (!('group' in option)) continue;
      const items = option.items
        .filter((item) => {
          const family = byId.get(item.value);
          return family !== undefined && voiceMatches(family.voice, search);
        })
        .slice(0, room);
      room -= items.length;
      if (items.length > 0) found.push({ group: option.group, items });
    }
    return found;
  };

  return (
    <SearchSelect
      label="Voice"
      description={families.length > 20 ? `${families.length} voices. Type a name or a language.` : undefined}
      data={groups}
      value={value}
      onChange={(id) => {
        const family = byId.get(id ?? '');
        if (family !== undefined) onChange(family);
      }}
      filter={find}
      limit={SHOWN}
      maxDropdownHeight={360}
      nothingFoundMessage="No voice like that"
      renderOption={({ option }) => {
        const voice = byId.get(option.value)?.voice;
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
