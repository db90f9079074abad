import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyStore } from '../accounts/keys.ts';
import { loadSettings } from '../config/load.ts';
import { rateKey } from '../security/addresses.ts';
import { Door } from './door.ts';

test('a network that guesses does not keep another one out', async () => {
  const keys = { authenticate: async () => undefined } as unknown as KeyStore;
  const { settings } = loadSettings({ env: {} });
  const door = new Door(keys, { record() {}, async close() {} }, settings);
  const refusal = (address: string) =>
    door.admit({ type: 'authenticate', data: { token: 'guess' }, payload: Buffer.alloc(0) }, rateKey(address)).then(
      () => assert.fail('it was let in'),
      ({ code }) => code,
    );
  for (const [guessing, other] of [
    ['2001:db8:1::1', '2001:db8:2::1'],
    ['192.0.2.1', '192.0.2.2'],
  ] as const) {
    for (let times = 0; times < settings.limits.authFailures; times++) await refusal(guessing);
    assert.equal(await refusal(guessing), 'rate_limit_exceeded');
    assert.equal(await refusal(other), 'invalid_api_key');
  }
});
