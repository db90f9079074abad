import { Button, Checkbox, Text } from '@mantine/core';
import { useState } from 'react';
import type { Consent, ManagedModel } from '../api/manager.ts';
import { Dialog, DialogButtons } from '../components/Dialog.tsx';
import { Icon } from '../components/Icon.tsx';
import { fileSize } from '../lib/size.ts';
import { languageSummary } from './browse.ts';
import { LicenceFlag } from './LicenceFlag.tsx';
import { consentText, licenceName } from './licence.ts';
import styles from './PullDialog.module.css';

interface PullDialogProps {
  model: ManagedModel;
  /** Null where nobody knows. */
  freeBytes: number | null;
  onClose(): void;
  onPull(consents: readonly Consent[]): void;
}

/** What a model costs and under which terms it comes, before it is fetched. */
export function PullDialog({ model, freeBytes, onClose, onPull }: PullDialogProps) {
  const [given, setGiven] = useState<readonly Consent[]>([]);
  const [asked, setAsked] = useState(false);
  const missing = model.consents.filter((consent) => !given.includes(consent));
  const tight = freeBytes !== null && model.sizeBytes > freeBytes;
  return (
    <Dialog title={`Download ${model.id}?`} onClose={onClose}>
      {model.description !== '' && <Text size="sm">{model.description}</Text>}
      <dl className={styles.facts}>
        <dt>Download</dt>
        <dd>{fileSize(model.sizeBytes)}</dd>
        {freeBytes !== null && (
          <>
            <dt>Free on the server</dt>
            <dd className={tight ? styles.tight : undefined}>
              {fileSize(freeBytes)}
              {tight && ': not enough'}
            </dd>
          </>
        )}
        <dt>Memory in use</dt>
        <dd>{model.memoryBytes === null ? 'Not known' : `About ${fileSize(model.memoryBytes)} while it is loaded`}</dd>
        <dt>Languages</dt>
        <dd>{languageSummary(model, navigator.languages)}</dd>
        <dt>Licence</dt>
        <dd>
          {licenceName(model.licence)}
          <LicenceFlag model={model} />
        </dd>
      </dl>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (missing.length === 0) onPull(model.consents);
          else setAsked(true);
        }}
      >
        {model.consents.map((consent) => (
          <Checkbox
            key={consent}
            label={consentText(consent, model)}
            checked={given.includes(consent)}
            error={asked && missing.includes(consent) && 'Needed before it can be downloaded'}
            onChange={({ currentTarget: { checked } }) =>
              setGiven((before) => (checked ? [...before, consent] : before.filter((other) => other !== consent)))
            }
          />
        ))}
        <DialogButtons>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" leftSection={<Icon name="download" />} data-autofocus={model.consents.length === 0}>
            Download
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
