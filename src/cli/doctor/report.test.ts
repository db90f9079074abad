import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Finding, reportOf, reportText } from './report.ts';

const good: Finding = { area: 'machine', name: 'node', state: 'ok', says: 'v24', ms: 1234 };
const note: Finding = {
  area: 'engine',
  name: 'pocketsphinx',
  state: 'note',
  says: 'not there',
  remedy: 'npm run setup',
};
const bad: Finding = { area: 'format', name: 'mp3', state: 'failed', says: 'no encoder', remedy: 'npm ci' };

test('notes are no failures, and each remedy is said once, what mends a failure first', () => {
  assert.equal(reportOf([good, note]).ok, true);
  const report = reportOf([good, note, bad, note]);
  assert.equal(report.ok, false);
  assert.deepEqual(report.remedies, ['npm ci', 'npm run setup']);
});

test('people read it by area, with times and what to run', () => {
  assert.equal(
    reportText(reportOf([good, note])),
    [
      'machine',
      '  ok    node          v24 (1.2 s)',
      '',
      'engine',
      '  note  pocketsphinx  not there',
      '',
      'Everything essential works.',
      'To get what is missing:',
      '  npm run setup',
      '',
    ].join('\n'),
  );
});
