import { Button, Text } from '@mantine/core';
import { useState } from 'react';
import type { ManagedModel } from '../api/manager.ts';
import { Dialog, DialogButtons } from '../components/Dialog.tsx';
import { Icon } from '../components/Icon.tsx';
import { SearchSelect } from '../components/SearchSelect.tsx';
import { languageChoices } from './browse.ts';

interface DefaultDialogProps {
  model: ManagedModel;
  onClose(): void;
  /** Null is all languages. */
  onChoose(language: string | null): void;
}

const ALL = '*';

/** For which callers a model is taken when they name none: all of them, or those of one language. */
export function DefaultDialog({ model, onClose, onChoose }: DefaultDialogProps) {
  const languages = languageChoices([model], navigator.languages).map((choice) => ({
    value: choice.language,
    label: choice.name,
  }));
  // Who chooses a model of one language seldom means callers of all others.
  const [language, setLanguage] = useState((languages.length === 1 ? languages[0]?.value : undefined) ?? ALL);
  return (
    <Dialog title={`Use ${model.id} as default`} onClose={onClose}>
      <Text size="sm">
        Callers who name no model get this one{' '}
        {model.kind === 'stt' ? 'when they send a recording.' : 'when they ask for speech.'}
      </Text>
      <SearchSelect
        label="For"
        data={[{ value: ALL, label: 'All languages' }, ...languages]}
        value={language}
        searchable={languages.length > 8}
        nothingFoundMessage="The model does not know that one"
        onChange={(value) => setLanguage(value ?? ALL)}
        data-autofocus
      />
      <DialogButtons>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button leftSection={<Icon name="star" />} onClick={() => onChoose(language === ALL ? null : language)}>
          Use as default
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
