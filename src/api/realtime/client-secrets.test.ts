import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyStore } from '../../accounts/keys.ts';
import type { Principal } from '../../accounts/scopes.ts';
import { SpeechError } from '../../errors.ts';
import { ClientSecrets } from './client-secrets.ts';

const principal = (keyId: string): Principal => ({ ...({ keyId } as Principal), scopes: new Set(['speech', 'admin']) });

function open({ entries = 10, chars = 10_000 } = {}) {
  const state = { now: 1_000_000, living: new Set(['a', 'b']) };
  const keys = { living: async (ids: Set<string>) => ids.intersection(state.living) } as unknown as KeyStore;
  const secrets = new ClientSecrets({ entries, chars, keys, now: () => state.now });
  const issue = (keyId = 'a', configuration: object | undefined = undefined, lifetimeMs = 1000) =>
    secrets.issue(principal(keyId), configuration, lifetimeMs).value;
  return { state, secrets, issue };
}

const overloaded = (error: unknown) => error instanceof SpeechError && error.code === 'overloaded';

test('a secret opens Realtime sockets, with the scope for speech alone, as often as it likes until it ends', async () => {
  const { state, secrets, issue } = open();
  const value = issue('a', { type: 'realtime' });
  for (let i = 0; i < 3; i++) {
    const who = await secrets.authenticate(value, '/v1/realtime');
    assert.deepEqual([who!.keyId, [...who!.scopes]], ['a', ['speech']]);
  }
  assert.deepEqual(secrets.configurationOf(value), { type: 'realtime' });
  for (const path of ['/v1/audio/stream', '/v1/listen', '/v1/speak', '/v1/realtime/client_secrets', '/v1/models', '']) {
    assert.equal(await secrets.authenticate(value, path), undefined, path);
  }
  state.now += 999;
  assert.ok(await secrets.authenticate(value, '/v1/realtime'));
  state.now += 1;
  assert.equal(await secrets.authenticate(value, '/v1/realtime'), undefined);
  assert.equal(secrets.configurationOf(value), undefined);
});

test('a secret dies with its key', async () => {
  const { state, secrets, issue } = open();
  const value = issue('a');
  state.living.delete('a');
  assert.equal(await secrets.authenticate(value, '/v1/realtime'), undefined);
});

test('what is no secret is nobody, whatever it looks like', async () => {
  const { secrets, issue } = open();
  const value = issue();
  for (const bad of [
    '',
    'ek_',
    value.slice(0, -1),
    `${value}x`,
    value.slice(3),
    `ek_${'A'.repeat(1_000_000)}`,
    '\u0000',
  ]) {
    assert.equal(await secrets.authenticate(bad, '/v1/realtime'), undefined);
  }
});

test('as many secrets live at once as permitted, and one that ended makes room', () => {
  const { state, issue } = open({ entries: 4 });
  issue('a', undefined, 500);
  for (const key of ['a', 'b', 'b']) issue(key);
  assert.throws(() => issue('a'), overloaded);
  state.now += 500;
  issue('a');
  assert.throws(() => issue('a'), overloaded);
});

test('no key can take the room of all the others', () => {
  const { issue } = open({ entries: 8 });
  for (let i = 0; i < 4; i++) issue('a');
  assert.throws(() => issue('a'), overloaded);
  for (let i = 0; i < 4; i++) issue('b');
});

test('the sessions that secrets begin with take as much room as permitted, and give it back', () => {
  const { state, issue } = open({ entries: 100, chars: 1000 });
  const session = { instructions: 'x'.repeat(400) };
  issue('a', session);
  assert.throws(() => issue('a', session), overloaded, 'half of it is for the others');
  issue('b', session);
  assert.throws(() => issue('b', session), overloaded);
  issue('b');
  state.now += 1000;
  issue('b', session);
});
