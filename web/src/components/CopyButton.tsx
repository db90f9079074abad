import { ActionIcon, Button, VisuallyHidden } from '@mantine/core';
import { useState } from 'react';
import { Icon } from './Icon.tsx';

interface CopyButtonProps {
  text(): string;
  label: string;
  /** Only the picture. */
  compact?: boolean;
}

const SHOWN_MS = 2000;

/** Copies, and says for a moment whether it worked: browsers allow it only on https:// pages and on localhost. */
export function CopyButton({ text, label, compact = false }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<'' | 'Copied' | 'Copying is not allowed here'>('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text());
      setOutcome('Copied');
    } catch {
      setOutcome('Copying is not allowed here');
    }
    setTimeout(() => setOutcome(''), SHOWN_MS);
  };
  const icon = outcome === '' ? 'copy' : outcome === 'Copied' ? 'check' : 'warning';
  return (
    <>
      {compact ? (
        <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={copy}>
          <Icon name={icon} />
        </ActionIcon>
      ) : (
        <Button variant="default" leftSection={<Icon name={icon} />} onClick={copy}>
          {outcome === '' ? label : outcome}
        </Button>
      )}
      <VisuallyHidden role="status">{outcome}</VisuallyHidden>
    </>
  );
}
