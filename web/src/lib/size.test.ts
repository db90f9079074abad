import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileSize } from './size.ts';

test('a size is told with three digits at most', () => {
  assert.equal(fileSize(0), '0 B');
  assert.equal(fileSize(812), '812 B');
  assert.equal(fileSize(1536), '1.5 kB');
  assert.equal(fileSize(100e6), '100 MB');
  assert.equal(fileSize(1e6 - 1), '1.0 MB');
});
