import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { withFile } from './spool.ts';

const signal = new AbortController().signal;
async function* stream(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

test('a stream becomes a private file, which goes when it is discarded', async () => {
  const { path, discard } = await withFile({ name: 'x', stream: stream('ab', 'cd') }, 4, signal);
  assert.equal(readFileSync(path, 'utf8'), 'abcd');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  await discard();
  assert.equal(existsSync(dirname(path)), false);
});

test('a stream beyond its bound is refused', async () => {
  await assert.rejects(withFile({ name: 'x', stream: stream('ab', 'cde') }, 4, signal), { code: 'too_large' });
});

test('a file stays where it is; one that is not there is named', async () => {
  const { path, discard } = await withFile({ name: 'me', path: import.meta.filename }, 1, signal);
  await discard();
  assert.ok(existsSync(path));
  await assert.rejects(withFile({ name: 'no.wav', path: '/nowhere/no.wav' }, 1, signal), /no file no\.wav/);
});
