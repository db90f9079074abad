import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'first-models-settled';
const SAYS = 'The models of a first start have come, or somebody looks after the models: none is fetched unasked.\n';

/**
 * Whether no start with this data folder fetches models unasked any more: those of a first start have come, or somebody
 * has had models brought or taken away.
 */
export function firstModelsSettled(dataDir: string): boolean {
  return existsSync(join(dataDir, FILE));
}

/** Remembers that. Where it cannot be written, the next start looks for itself what is here. */
export function settleFirstModels(dataDir: string): void {
  if (firstModelsSettled(dataDir)) return;
  try {
    writeFileSync(join(dataDir, FILE), SAYS, { mode: 0o600 });
  } catch {
    // No reason to call a model that has come a failure.
  }
}
