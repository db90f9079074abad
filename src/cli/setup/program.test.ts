import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runProgram } from './program.ts';

const run = (script: string) =>
  runProgram([process.execPath, '-e', script], { timeoutMs: 60_000, signal: new AbortController().signal });

test('the reason is the last line that says one, not the end of a stack or a colour', async () => {
  const lines = [
    'Error: failed',
    '',
    '\u001b[31m[NO_ENTRY] \u001b[0mno such module',
    '    at a (b.js:1:1) {',
    '  errors: 1',
    '}',
  ];
  const stack = await run(`console.error(${JSON.stringify(lines.join('\n'))}); process.exitCode = 1`);
  assert.deepEqual([stack.ok, stack.reason], [false, '[NO_ENTRY] no such module']);
  const plain = await run(`console.error('reading\\nE: no space'); process.exitCode = 100`);
  assert.equal(plain.reason, 'E: no space');
  assert.equal((await run('process.exitCode = 3')).reason, 'status 3');
  assert.equal((await run(`console.error('  }'); process.exitCode = 4`)).reason, 'status 4');
  const well = await run(`process.stdout.write('done')`);
  assert.deepEqual([well.ok, well.stdout], [true, 'done']);
});
