import { duration, printable } from '../terminal/output.ts';

/** One thing that was looked at. */
export interface Finding {
  area: 'machine' | 'settings' | 'engine' | 'model' | 'format' | 'speech';
  name: string;
  /** `note` is something to know, or to have if one wants it; `failed` is something that ought to work. */
  state: 'ok' | 'note' | 'failed';
  says: string;
  /** The line that mends it. */
  remedy?: string;
  /** How long it took. */
  ms?: number;
}

export interface Report {
  ok: boolean;
  findings: readonly Finding[];
  /** What to run, each line once, what mends a failure first. */
  remedies: readonly string[];
}

export function reportOf(findings: readonly Finding[]): Report {
  const failures = findings.filter(({ state }) => state === 'failed');
  const remedies = [...failures, ...findings].flatMap(({ remedy }) => remedy ?? []);
  return { ok: failures.length === 0, findings, remedies: [...new Set(remedies)] };
}

const MARKS = { ok: 'ok  ', note: 'note', failed: 'FAIL' } as const;

/** The report for people: by area, then what to run. */
export function reportText({ ok, findings, remedies }: Report): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines: string[] = [];
  for (const [area, found] of Map.groupBy(findings, (finding) => finding.area)) {
    if (lines.length > 0) lines.push('');
    lines.push(area);
    for (const { name, state, says, ms } of found) {
      const took = ms === undefined ? '' : ` (${duration(ms)})`;
      lines.push(`  ${MARKS[state]}  ${name.padEnd(width)}  ${says}${took}`);
    }
  }
  lines.push('', ok ? 'Everything essential works.' : 'Something essential fails.');
  if (remedies.length > 0) lines.push('To get what is missing:', ...remedies.map((line) => `  ${line}`));
  return `${lines.map(printable).join('\n')}\n`;
}
