import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consentText, licenceMark, licenceName } from './licence.ts';

test('a licence is told by the names that people know', () => {
  assert.equal(licenceName('Apache-2.0'), 'Apache-2.0');
  assert.equal(licenceName('MIT AND CC-BY-NC-SA-4.0 AND GPL-3.0-or-later'), 'MIT + CC-BY-NC-SA-4.0 + GPL-3.0-or-later');
  assert.equal(licenceName('LicenseRef-Moonshine-Community'), 'Moonshine Community');
  assert.equal(licenceName(''), 'Not stated');
});

test('only a licence that allows business goes without a mark', () => {
  const mark = (commercialUse: boolean | null, packaged = false): string | undefined =>
    licenceMark({ commercialUse, packaged })?.level;
  assert.deepEqual([mark(true), mark(false), mark(null)], [undefined, 'forbidden', 'unknown']);
  assert.deepEqual([mark(null, true), mark(false, true)], [undefined, 'forbidden']);
});

test('a consent says what is agreed to', () => {
  assert.match(consentText('accept_licence', { licence: 'CC-BY-NC-4.0', commercialUse: false }), /forbids commercial/);
  assert.match(consentText('accept_licence', { licence: 'LicenseRef-Own-Terms', commercialUse: null }), /Own Terms/);
  assert.match(consentText('allow_single_source', { licence: 'MIT', commercialUse: true }), /one place only/);
});
