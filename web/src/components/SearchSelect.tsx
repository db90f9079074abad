import { Select, type SelectProps } from '@mantine/core';

/** One out of many, found by typing, which replaces what stands there. */
export function SearchSelect(props: SelectProps) {
  return (
    <Select
      allowDeselect={false}
      searchable
      onClick={(event) => event.currentTarget.select()}
      selectFirstOptionOnChange
      {...props}
    />
  );
}
