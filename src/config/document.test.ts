import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { limitsDocument, settingsDocument } from './document.ts';
import { limits } from './limits.ts';
import { loadSettings } from './load.ts';
import { rows } from './names.ts';
import { describeLimits } from './public-limits.ts';

const docs = resolve(import.meta.dirname, '../../docs');
const hint = 'run: node src/config/document.ts --write';

test('the pages about settings and limits say what the tables say', () => {
  assert.equal(readFileSync(resolve(docs, 'settings.md'), 'utf8'), settingsDocument(), hint);
  assert.equal(readFileSync(resolve(docs, 'limits.md'), 'utf8'), limitsDocument(), hint);
});

test('every setting is on one of the pages', () => {
  const pages = settingsDocument() + limitsDocument();
  for (const { setting } of rows) assert.ok(pages.includes(`| \`${setting.env}\` |`), setting.env);
});

test('callers are told the public limits in force, and no others', () => {
  const { settings } = loadSettings({ env: { OS_MAX_UPLOAD_MB: '7' } });
  const told = describeLimits(settings);
  assert.deepEqual([told.upload_bytes?.value, told.upload_bytes?.unit], [7 * 1024 * 1024, 'bytes']);
  assert.equal(told.tracked_addresses, undefined);
  assert.equal(Object.keys(told).length, Object.values(limits).filter((row) => 'public' in row && row.public).length);
});
