import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { withTables } from './document.ts';
import { RECOMMENDED, STARTERS, shippedManifests } from './shipped.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/models.md'), 'utf8');

test('docs/models.md lists what the catalogue holds', async () => {
  assert.equal(page, withTables(page, await shippedManifests()), 'run: node src/models/document.ts --write');
  for (const id of [...RECOMMENDED, ...STARTERS]) assert.ok(page.includes(`\`${id}\``), id);
});

test('docs/models.md explains every licence that has no public name', async () => {
  for (const { licence } of await shippedManifests()) {
    for (const [, name] of licence.matchAll(/LicenseRef-([\w.-]+)/g)) assert.ok(page.includes(`\n| ${name} |`), name);
  }
});
