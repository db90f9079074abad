/**
 * Compares the sizes and hashes of the catalogue with what the hubs say of the same files today:
 * `node src/models/drift/main.ts [--json]`. Downloads no model. Ends with 1 where something differs or is gone, and
 * else with 2 where a hub could not be asked.
 */
import type { ModelManifest } from '../manifest.ts';
import { shippedManifests } from '../shipped.ts';
import type { Fetch } from './ask.ts';
import { comparePins, type Finding, type Verdict } from './compare.ts';
import { pinsOf } from './pins.ts';

interface Report {
  text: string;
  exitCode: 0 | 1 | 2;
}

/** The report on these manifests, for people or as JSON. */
export async function reportDrift(manifests: readonly ModelManifest[], fetch: Fetch, json: boolean): Promise<Report> {
  const findings = await comparePins(pinsOf(manifests), fetch);
  const found = (...verdicts: Verdict[]) => findings.filter(({ verdict }) => verdicts.includes(verdict));
  const exitCode = found('drifted', 'missing').length > 0 ? 1 : found('unknown').length > 0 ? 2 : 0;
  if (json) return { text: `${JSON.stringify(findings, null, 2)}\n`, exitCode };
  const lines = found('drifted', 'missing', 'unknown').map(describe);
  const counts = `${findings.length} places: ${found('same').length} as pinned, ${found('size-only').length} of the pinned size (no hash told), ${found('drifted').length} drifted, ${found('missing').length} missing, ${found('unknown').length} not known`;
  return { text: `${[...lines, counts].join('\n')}\n`, exitCode };
}

function describe({ model, url, verdict, bytes, sha256, told, reason }: Finding): string {
  if (told === undefined) return `${verdict}: ${model}: ${url}${reason === undefined ? '' : ` (${reason})`}`;
  return [
    `${verdict}: ${model}: ${url}`,
    `  pinned ${bytes} bytes ${sha256}`,
    `  told   ${told.bytes} bytes ${told.sha256 ?? 'no hash'}`,
  ].join('\n');
}

if (import.meta.main) {
  const { text, exitCode } = await reportDrift(await shippedManifests(), fetch, process.argv.includes('--json'));
  process.stdout.write(text);
  process.exitCode = exitCode;
}
