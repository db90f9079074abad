const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** `812 B`, `4.2 MB`: sizes in steps of 1024. */
export function fileSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
