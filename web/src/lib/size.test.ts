import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileSize } from './size.ts';

test('a size is told with three digits at most', () => {
  assert.equal(fileSize(0), '0 B');
  assert.equal(fileSize(812), '812 B');
  assert.equal(fileSize(1536), '1.5 KB');
  assert.equal(fileSize(100 * 1024 ** 2), '100 MB');
  assert.equal(fileSize(1024 ** 2 - 1), '1.0 MB');
});
