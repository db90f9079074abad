import type { ManagedModel } from '../api/manager.ts';
import type { ModelAction } from './actions.ts';
import { DefaultDialog } from './DefaultDialog.tsx';
import { PullDialog } from './PullDialog.tsx';
import { RemoveDialog } from './RemoveDialog.tsx';
import type { ModelActions } from './useModelActions.ts';

interface ModelDialogProps {
  action: ModelAction;
  model: ManagedModel;
  freeBytes: number | null;
  actions: ModelActions;
  onClose(): void;
}

/** The question that comes before an action, for those that have one. */
export function ModelDialog({ action, model, freeBytes, actions, onClose }: ModelDialogProps) {
  const { id, kind } = model;
  /** Does it, and closes the dialog: how it went is told at the model. */
  const then = (work: () => void) => (): void => {
    work();
    onClose();
  };
  if (action === 'pull') {
    return (
      <PullDialog
        model={model}
        freeBytes={freeBytes}
        onClose={onClose}
        onPull={(consents) => then(() => actions.pull(id, consents))()}
      />
    );
  }
  if (action === 'remove') {
    return <RemoveDialog model={model} onClose={onClose} onRemove={then(() => actions.remove(id))} />;
  }
  if (action === 'default' && (kind === 'stt' || kind === 'tts')) {
    return (
      <DefaultDialog
        model={model}
        onClose={onClose}
        onChoose={(language) => then(() => actions.setDefault(id, kind, language))()}
      />
    );
  }
  return null;
}
