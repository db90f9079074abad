import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../command.ts';
import { parseExpiry } from './time.ts';

const NOW = Date.UTC(2030, 0, 31, 12);

test('a length counts from now', () => {
  const hours = (written: string) => (parseExpiry(written, NOW) - NOW) / 3_600_000;
  assert.deepEqual(['90m', '12h', '30d', '2w', '1y'].map(hours), [1.5, 12, 720, 336, 8760]);
});

test('a day ends with its last second, UTC', () => {
  assert.equal(new Date(parseExpiry('2031-02-28', NOW)).toISOString(), '2031-02-28T23:59:59.000Z');
});

test('anything else is refused', () => {
  for (const written of [
    '',
    '30',
    'd',
    '-3d',
    '1.5d',
    '30 d',
    '2031-02-30',
    '2031-13-01',
    'tomorrow',
    '2031-02-28T10:00Z',
  ]) {
    assert.throws(() => parseExpiry(written, NOW), UsageError, written);
  }
});
