import { Button } from '@mantine/core';
import { Icon } from './Icon.tsx';

interface StopButtonProps {
  disabled?: boolean;
  onClick(): void;
}

/** Stands where the work was begun, while it goes on. */
export function StopButton({ disabled = false, onClick }: StopButtonProps) {
  return (
    <Button size="md" variant="default" leftSection={<Icon name="stop" />} disabled={disabled} onClick={onClick}>
      Stop
    </Button>
  );
}
