import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { ConfigError } from '../config/config-error.ts';
import { SpeechError } from '../errors.ts';
import { Interrupted, UsageError } from './command.ts';
import { explain } from './explain.ts';

test('wrong words and settings end with 2, failures with 1, an interruption as shells expect', () => {
  assert.deepEqual(explain(new UsageError('no')), { status: 2, message: 'no' });
  assert.deepEqual(explain(new ConfigError(['OS_PORT is wrong'])), { status: 2, message: 'OS_PORT is wrong' });
  assert.deepEqual(explain(new SpeechError('invalid_audio', 'broken')), { status: 1, message: 'broken' });
  assert.deepEqual(explain(new Interrupted(130)), { status: 130, message: undefined });
  assert.deepEqual(explain('odd'), { status: 1, message: 'odd' });
});

test('several problems are a line each, and none of them steers the terminal', () => {
  assert.equal(explain(new ConfigError(['a', 'b'])).message, '\n  - a\n  - b');
  assert.equal(explain(new Error('\u001b[31mred')).message, '�[31mred');
});

test('what the operating system refuses is said in words, and what it says better stays as it is', async () => {
  const refused = (path: string) => open(path, 'r+').then(() => assert.fail(), explain);
  assert.deepEqual(await refused('/none/such'), { status: 1, message: "there is no '/none/such'" });
  assert.deepEqual(await refused('/'), { status: 1, message: "'/' is a folder" });
  const taken = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', address: '::1', port: 8100 });
  assert.match(explain(taken).message!, /^port 8100 of ::1 is taken .* --port$/);
  const socket = Object.assign(new Error('listen EADDRINUSE: /run/a'), { code: 'EADDRINUSE', address: '/run/a' });
  assert.equal(explain(socket).message, 'listen EADDRINUSE: /run/a');
});
