import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileSize, limitBytes } from './size.ts';

test('a size is told with three digits at most', () => {
  assert.equal(fileSize(0), '0 B');
  assert.equal(fileSize(812), '812 B');
  assert.equal(fileSize(1536), '1.5 KB');
  assert.equal(fileSize(100 * 1024 ** 2), '100 MB');
  assert.equal(fileSize(1024 ** 2 - 1), '1.0 MB');
});

test('a limit is read in its own unit, and none is no limit', () => {
  assert.equal(limitBytes({ value: 100, unit: 'MB', doc: '' }), 100 * 1024 ** 2);
  assert.equal(limitBytes({ value: 512, unit: 'bytes', doc: '' }), 512);
  assert.equal(limitBytes(undefined), Number.POSITIVE_INFINITY);
});
