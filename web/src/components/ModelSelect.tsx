import { Select } from '@mantine/core';

interface ModelSelectProps {
  models: readonly { id: string }[];
  value: string;
  disabled?: boolean;
  onChange(id: string | null): void;
}

/** Which model does the work of a page. */
export function ModelSelect({ models, ...props }: ModelSelectProps) {
  return <Select label="Model" data={models.map(({ id }) => id)} allowDeselect={false} {...props} />;
}
