import { UsageError } from '../command.ts';

const UNITS: Readonly<Record<string, number>> = {
  ...{ m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000, y: 365 * 86_400_000 },
};

/** When `30d` or `2031-01-31` ends, in Unix milliseconds; a day ends with its last second, UTC. Throws UsageError. */
export function parseExpiry(written: string, now: number): number {
  const [, count, unit] = /^(\d{1,5})([mhdwy])$/.exec(written) ?? [];
  if (count !== undefined) return now + Number(count) * UNITS[unit!]!;
  const at = /^\d{4}-\d\d-\d\d$/.test(written) ? Date.parse(`${written}T23:59:59Z`) : Number.NaN;
  // Date.parse takes 2031-02-30 for the second of March.
  if (Number.isNaN(at) || !new Date(at).toISOString().startsWith(written)) {
    throw new UsageError(`'${written}' is no time: write 12h, 30d, 1y or a day such as 2031-01-31`);
  }
  return at;
}
