import { Button } from '@mantine/core';
import { Icon } from './Icon.tsx';

interface StopButtonProps {
  /** It was pressed, and what goes on comes to its end. The keyboard stays on it. */
  stopping?: boolean;
  onClick(): void;
}

/** Stands where the work was begun, while it goes on. */
export function StopButton({ stopping = false, onClick }: StopButtonProps) {
  return (
    <Button
      size="md"
      variant="default"
      leftSection={<Icon name="stop" />}
      data-disabled={stopping || undefined}
      aria-disabled={stopping || undefined}
      onClick={() => !stopping && onClick()}
    >
      Stop
    </Button>
  );
}
