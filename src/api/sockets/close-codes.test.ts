import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { CLOSE } from './close-codes.ts';

test('docs/sockets.md explains every close code and no other', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../docs/sockets.md'), 'utf8');
  const explained = [...page.matchAll(/^\| ([1-4]\d{3}) \|/gm)].map(([, code]) => Number(code));
  assert.deepEqual(explained, Object.values(CLOSE));
});
