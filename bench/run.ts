/**
 * Runs the benchmarks: `npm run bench`, or `npm run bench -- start` for some. Each compares us with a bare baseline in
 * the same run and prints a ratio. `--append` also adds the rows to bench/RESULTS.md.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, globSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { basename, resolve } from 'node:path';
import type { Row } from './support/report.ts';

const append = process.argv.includes('--append');
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const files = globSync('*.bench.ts', { cwd: import.meta.dirname })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
const machine = `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, Node ${process.version}`;
console.log(`${machine}; load ${loadavg()[0]?.toFixed(2)} at the start`);

const lines: string[] = [];
let missed = 0;
for (const file of files) {
  const load = loadavg()[0]!.toFixed(1);
  const run = spawnSync(process.execPath, [resolve(import.meta.dirname, file)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  });
  if (run.status !== 0) {
    console.error(`${file} failed`);
    process.exitCode = 1;
    continue;
  }
  for (const line of run.stdout.split('\n').filter(Boolean)) {
    const row = JSON.parse(line) as Row;
    if (!row.met) missed++;
    console.log(
      `${row.met ? 'met   ' : 'MISSED'} ${row.what}: ${row.ours} against ${row.baseline} → ${row.ratio} (aim ${row.aim})`,
    );
    const cells = [new Date().toISOString().slice(0, 10), basename(file, '.bench.ts'), row.what, row.ours];
    lines.push(`| ${[...cells, row.baseline, row.ratio, row.aim, row.met ? 'met' : 'missed', load].join(' | ')} |`);
  }
}
if (append && lines.length > 0) {
  const head =
    '| date | benchmark | what | ours | baseline | ratio or difference | aim | | load before |\n|---|---|---|---|---|---|---|---|---|';
  appendFileSync(resolve(import.meta.dirname, 'RESULTS.md'), `\n### ${machine}\n\n${head}\n${lines.join('\n')}\n`);
}
console.log(`${lines.length - missed} of ${lines.length} aims met`);
