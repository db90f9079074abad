import type { Setting } from './kinds.ts';
import { settingsTable } from './settings.ts';

/** One setting with every way to write its name. */
export interface Row {
  /** Where its value lies in `Settings`: `['host']`, `['limits', 'uploadBytes']`. */
  at: readonly [string] | readonly ['limits', string];
  setting: Setting;
}

const { limits, ...plain } = settingsTable;

/** Every setting of the table, limits included, in the table's order. */
export const rows: readonly Row[] = [
  ...Object.entries(plain).map(([key, setting]): Row => ({ at: [key], setting })),
  ...Object.entries(limits).map(([key, setting]): Row => ({ at: ['limits', key], setting })),
];

/** The name in a settings file: `OS_MAX_UPLOAD_MB` is `maxUploadMb`, `TTS_SPEED` is `ttsSpeed`. */
export function fileName(env: string): string {
  return flagName(env).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The name of the flag, without its dashes: `OS_MAX_UPLOAD_MB` is `max-upload-mb`, `TTS_SPEED` is `tts-speed`. */
export function flagName(env: string): string {
  return env.replace(/^OS_/, '').toLowerCase().replaceAll('_', '-');
}

/** The known name that takes the fewest edits to reach, or undefined where none is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  // Farther than this and the suggestion would be noise.
  let bestDistance = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate, bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours between two strings; anything from `limit` up is `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforePrevious[column - 2]! + 1);
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return Math.min(previous[b.length]!, limit);
}
