import { Button, Text } from '@mantine/core';
import type { ManagedModel } from '../api/manager.ts';
import { Dialog, DialogButtons } from '../components/Dialog.tsx';
import { Icon } from '../components/Icon.tsx';
import { fileSize } from '../lib/size.ts';
import { defaultNames } from './words.ts';

interface RemoveDialogProps {
  model: ManagedModel;
  onClose(): void;
  onRemove(): void;
}

/** Asks once more before files are deleted. */
export function RemoveDialog({ model, onClose, onRemove }: RemoveDialogProps) {
  return (
    <Dialog title={`Delete ${model.id}?`} onClose={onClose}>
      <Text size="sm">
        This frees {fileSize(model.sizeBytes)} on the server.
        {model.state === 'loaded' && ' It is in memory now: what it is doing is finished first.'} It can be downloaded
        again.
      </Text>
      {defaultNames(model).length > 0 && (
        <Text size="sm">It is what callers get who name no model. They will get another one.</Text>
      )}
      <DialogButtons>
        <Button variant="default" onClick={onClose} data-autofocus>
          Cancel
        </Button>
        <Button color="red" leftSection={<Icon name="trash" />} onClick={onRemove}>
          Delete
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
