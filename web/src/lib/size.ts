import type { Limit } from '../api/types.ts';

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

const FACTORS: Record<string, number> = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** A size limit in bytes; Infinity where the server names none. */
export function limitBytes(limit: Limit | undefined): number {
  return limit === undefined ? Number.POSITIVE_INFINITY : limit.value * (FACTORS[limit.unit] ?? 1);
}
