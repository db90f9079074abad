import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { randomToken } from '../security/secrets.ts';
import { type LogLevel, openLog, readable } from './log.ts';

function bench(level: LogLevel = 'info', secrets: string[] = []) {
  const lines: string[] = [];
  const log = openLog({ level, secrets, write: (line) => lines.push(line) });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('a line is one JSON object with its time, level, message and fields', () => {
  const { log, parsed } = bench();
  log.child({ requestId: 'r1' }).warn('Queue is full', { model: 'm', waiting: 3 });
  const [{ time, ...line } = {}] = parsed();
  assert.deepEqual(line, { level: 'warn', requestId: 'r1', model: 'm', waiting: 3, msg: 'Queue is full' });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('lines below the level are not written', () => {
  const { log, lines } = bench('warn');
  log.debug('no');
  log.info('no');
  log.error('yes');
  assert.equal(lines.length, 1);
  const silent = bench('silent');
  silent.log.error('no');
  assert.equal(silent.lines.length, 0);
});

test('neither secrets, nor what people said, nor where they are reach the log, by any way in', () => {
  const key = `os_${randomToken()}`;
  const { log, lines } = bench('trace', ['operator-secret']);
  const private_ = {
    text: 'SAID',
    headers: { authorization: key },
    ip: '203.0.113.7',
    audio: new Float32Array([0.125]),
  };
  const error = new Error(`refused ${key} at /v1/x?api_key=hunter2 operator-secret`);
  const child = log.child({ ...private_, token: key });
  for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) {
    child[level](`Bearer ${key}`, { ...private_, nested: [private_], error, url: `/?api_key=${key}` });
  }
  assert.equal(lines.length, 5);
  for (const secret of [key, 'SAID', '203.0.113.7', '0.125', 'hunter2', 'operator-secret']) {
    assert.ok(!lines.join('').includes(secret), secret);
  }
});

test('hostile values stay inside their line', () => {
  const { log, lines, parsed } = bench();
  log.info('Model failed', { model: 'a\n{"level":"error"}\u2028\u0000' });
  assert.equal(lines.join('').trimEnd().split('\n').length, 1);
  assert.equal(parsed()[0]?.level, 'info');
});

test('on a terminal a line is readable, and an error shows its stack', () => {
  const { log, lines } = bench();
  log.info('Listening', { url: 'http://127.0.0.1:8100', workers: 2 });
  log.error('It broke', { error: new Error('why') });
  assert.match(
    readable(lines[0]!),
    /^\d\d:\d\d:\d\d info {2}Listening {2}url=http:\/\/127\.0\.0\.1:8100 {2}workers=2\n$/,
  );
  assert.match(readable(lines[1]!), /error: Error: why\n +at /);
});

test('control characters cannot write to a terminal', () => {
  const { log, lines } = bench();
  log.info('Model', { model: '\u001b[2Jgone' });
  assert.ok(!readable(lines[0]!).includes('\u001b'));
});

test('what was logged right before the end of the process is written', async () => {
  const script = `import { openLog } from ${JSON.stringify(resolve(import.meta.dirname, 'log.ts'))};
    const log = openLog({ level: 'info' }); log.info('Last words'); log.flush(); process.exit(0);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script]);
  assert.match(stdout, /"msg":"Last words"/);
});
