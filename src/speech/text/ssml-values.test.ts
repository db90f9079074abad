import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIpa, parsePitch, parseRate, parseStrength, parseTime, parseVolume } from './ssml-values.ts';

test('times are seconds or milliseconds', () => {
  assert.equal(parseTime('500ms'), 500);
  assert.equal(parseTime('1.5s'), 1500);
  assert.equal(parseTime('+.5s'), 500);
  for (const wrong of ['', '5', 's', 'ms', '-1s', '1e3ms', '1 m', 'Infinitys', `${'9'.repeat(400)}s`, '1s2s']) {
    assert.equal(parseTime(wrong), undefined, wrong);
  }
});

test('strengths grow', () => {
  const ms = ['none', 'x-weak', 'weak', 'medium', 'strong', 'x-strong'].map(parseStrength) as number[];
  assert.deepEqual(
    ms,
    ms.toSorted((a, b) => a - b),
  );
  assert.equal(parseStrength('constructor'), undefined);
});

test('a rate is a name, a factor, a percentage of the own pace, or a change of the pace around', () => {
  assert.equal(parseRate('fast', 3), 1.25);
  assert.equal(parseRate('default', 3), 1);
  assert.equal(parseRate('1.2', 3), 1.2);
  assert.equal(parseRate('80%', 3), 0.8);
  assert.equal(parseRate('+10%', 2), 2.2);
  assert.equal(parseRate('-50%', 2), 1);
  for (const wrong of ['', 'quick', '+2', '10 %%', 'NaN', '0x10', '__proto__'])
    assert.equal(parseRate(wrong, 1), undefined);
});

test('a pitch is a name or a change in semitones or percent; hertz are refused', () => {
  assert.equal(parsePitch('low', 5), -3);
  assert.equal(parsePitch('+2st', 1), 3);
  assert.equal(parsePitch('-2.5st', 0), -2.5);
  assert.equal(parsePitch('+100%', 1), 13);
  for (const wrong of ['', '120Hz', '+10Hz', '50%', '-100%', '-200%', '2'])
    assert.equal(parsePitch(wrong, 0), undefined);
});

test('a volume is a name or a change in decibels', () => {
  assert.equal(parseVolume('silent', 0), -96);
  assert.equal(parseVolume('-6dB', -6), -12);
  for (const wrong of ['', '50', 'dB', '6 bel']) assert.equal(parseVolume(wrong, 0), undefined);
});

test('phonemes are IPA and nothing else', () => {
  for (const ipa of ['təˈmeɪtoʊ', 'ˈfʁɛː.ʃə', 'pʰ t͡ʃ ŋ̍', 'ma˥˩']) assert.ok(isIpa(ipa), ipa);
  for (const other of ['', ' ', '[[t@]]', 'a\u0000', '<b>', 'a;b', '`rm`', '🎉']) assert.ok(!isIpa(other), other);
});
