import type { Fetch, Told } from './ask.ts';
import { type Shelf, shelfOf } from './hubs.ts';
import type { Pin } from './pins.ts';

/**
 * `same`: size and hash agree. `size-only`: the size agrees, and the hub tells no hash. `drifted`: either differs.
 * `missing`: the hub has no such file. `unknown`: the hub could not be asked.
 */
export type Verdict = 'same' | 'size-only' | 'drifted' | 'missing' | 'unknown';

export interface Finding extends Pin {
  verdict: Verdict;
  /** What the hub says. */
  told?: Told;
  /** Why it could not be asked. */
  reason?: string;
}

/** Compares pins with what the hubs say, one question at a time. */
export async function comparePins(pins: readonly Pin[], fetch: Fetch): Promise<Finding[]> {
  const lists = new Map<string, ReadonlyMap<string, Told> | Error>();
  const findings: Finding[] = [];
  for (const pin of pins) {
    const shelf = shelfOf(pin.url);
    if (shelf === undefined) {
      findings.push({ ...pin, verdict: 'unknown', reason: `nobody knows how to ask ${new URL(pin.url).host}` });
      continue;
    }
    const list = lists.get(shelf.key) ?? (await listOf(shelf, fetch));
    lists.set(shelf.key, list);
    if (list instanceof Error) findings.push({ ...pin, verdict: 'unknown', reason: list.message });
    else findings.push({ ...pin, ...judge(pin, list.get(shelf.name)) });
  }
  return findings;
}

function judge(pin: Pin, told: Told | undefined): Pick<Finding, 'verdict' | 'told'> {
  if (told === undefined) return { verdict: 'missing' };
  const differs = told.bytes !== pin.bytes || (told.sha256 !== undefined && told.sha256 !== pin.sha256);
  return { verdict: differs ? 'drifted' : told.sha256 === undefined ? 'size-only' : 'same', told };
}

async function listOf(shelf: Shelf, fetch: Fetch): Promise<ReadonlyMap<string, Told> | Error> {
  try {
    return await shelf.list(fetch);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
