import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressLine } from './change.ts';

test('progress shows how much has come of how much, and says how fast', () => {
  const line = (bytes: number, rate: number) =>
    progressLine('kitten-nano', { state: 'downloading', bytes, total: 30_900_000, rate });
  assert.equal(line(12_100_000, 5_200_000), 'kitten-nano: downloading [####------] 39 %, 12.1 MB of 30.9 MB, 5.2 MB/s');
  assert.equal(line(0, 0), 'kitten-nano: downloading [----------] 0 %, 0 KB of 30.9 MB');
  assert.match(line(30_900_000, 0), /\[##########\] 100 %/);
  assert.equal(progressLine('x', undefined), 'x: asking for it');
  assert.equal(progressLine('x', { state: 'queued', bytes: 0, total: 0, rate: 0 }), 'x: queued');
});
