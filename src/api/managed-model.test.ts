import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LibraryModel } from '../speech/library.ts';
import { type DescribeDeps, findModel } from './managed-model.ts';

const entry = (id: string, aliases: string[], here: boolean): LibraryModel =>
  ({ manifest: { id, aliases }, present: here ? { manifest: { id, aliases } } : undefined }) as never;

/** A model that somebody added under an alias that the catalogue has as an id. */
const own = entry('own', ['whisper-tiny', 'mine'], true);
const known = entry('whisper-tiny', ['tiny'], false);
const all = [own, known];

const deps = {
  names: { find: (name: string) => (own.manifest.aliases.includes(name) ? own.present : undefined) },
  library: {
    list: () => all,
    find: (name: string) => all.find(({ manifest }) => manifest.id === name) ?? assert.fail(name),
  },
} as unknown as DescribeDeps;

test('the id of a model is that model, here or not, whatever else calls itself so', () => {
  assert.equal(findModel(deps, 'whisper-tiny'), known, 'to delete it does not delete another');
  assert.equal(findModel(deps, 'mine'), own);
  assert.equal(findModel(deps, 'own'), own);
});
