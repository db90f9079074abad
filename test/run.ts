/**
 * Runs every test: `npm test`, or `npm test -- part-of-a-path` for some. Ends with `N passed, N failed` and an exit
 * status that agrees with it.
 */
import { glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = resolve(import.meta.dirname, '..');
const wanted = process.argv.slice(2);
const files: string[] = [];
for (const pattern of ['src/**/*.test.ts', 'test/**/*.test.ts', 'web/src/**/*.test.ts', 'bench/**/*.test.ts']) {
  for await (const file of glob(pattern, { cwd: root })) {
    if (wanted.length === 0 || wanted.some((part) => file.includes(part))) files.push(resolve(root, file));
  }
}
files.sort();
if (files.length === 0) {
  console.error('no test matches', wanted);
  process.exit(1);
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const stream = run({ files, concurrency: Math.max(2, availableParallelism() - 1), timeout: 180_000 });
stream.on('test:summary', (summary) => {
  if (summary.file !== undefined) return;
  counts.passed = summary.counts.passed;
  counts.skipped = summary.counts.skipped + summary.counts.todo;
  counts.failed = summary.counts.tests - counts.passed - counts.skipped;
});
const output = stream.compose(new spec());
output.pipe(process.stdout, { end: false });
await finished(output, { writable: false });

if (process.env.CI === 'true' && counts.skipped > 0) {
  console.log(`${counts.skipped} tests were skipped; in CI every test must run`);
  counts.failed += counts.skipped;
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 ? 0 : 1);
