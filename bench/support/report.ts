/** One comparison, printed as a line of JSON for `bench/run.ts`. */
export interface Row {
  what: string;
  ours: string;
  /** What it is compared with, measured in the same run. */
  baseline: string;
  ratio: string;
  aim: string;
  met: boolean;
}

export function report(row: Row): void {
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

/** The value below which the share `q` of the values lies, by the nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))]!;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
