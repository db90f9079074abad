import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { badOriginReason, checkSettings, weakKeyReason } from './check.ts';
import type { Settings } from './kinds.ts';
import { loadSettings } from './load.ts';

const defaults = loadSettings({ env: {} }).settings;
const check = (changes: Partial<Settings>) => checkSettings({ ...defaults, ...changes });
const problems = (changes: Partial<Settings>) => check(changes).problems;

test('beyond loopback the server needs TLS or a declared proxy', () => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', '[::1]', 'localhost', '::ffff:127.0.0.1']) {
    assert.deepEqual(problems({ host }), [], host);
  }
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'speech.example.org', '::ffff:10.0.0.1']) {
    assert.equal(problems({ host }).length, 1, host);
    assert.deepEqual(problems({ host, sslEnabled: true }), [], host);
    assert.deepEqual(problems({ host, trustProxy: true }), [], host);
  }
});

test('authentication can be off on loopback only, and never without a word', () => {
  assert.deepEqual(problems({ authDisabled: true }), []);
  assert.match(check({ authDisabled: true }).warnings.join(), /^OS_AUTH_DISABLED=true lets .* in, without a key$/);
  assert.deepEqual(check({}).warnings, []);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'speech.example.org']) {
    for (const way of [{ sslEnabled: true }, { trustProxy: true }]) {
      assert.match(
        problems({ authDisabled: true, host, ...way })[0]!,
        /OS_AUTH_DISABLED=true is allowed on loopback only/,
      );
    }
  }
});

test('OS_AUTH_REQUIRED=false points to the setting that replaced it', () => {
  assert.match(problems({ authRequired: false })[0]!, /OS_AUTH_DISABLED=true/);
});

test('an address to listen on is an address or a host name', () => {
  for (const host of ['http://localhost', 'a b', 'host:80', '-x', '']) assert.equal(problems({ host }).length, 1, host);
});

test('certificate and key come together', () => {
  assert.equal(problems({ sslEnabled: true, sslCertfile: '/c.pem' }).length, 1);
  assert.equal(problems({ sslEnabled: true, sslKeyfile: '/k.pem' }).length, 1);
  const both = { sslCertfile: '/c.pem', sslKeyfile: '/k.pem' };
  assert.deepEqual(problems({ sslEnabled: true, ...both }), []);
  assert.equal(check(both).warnings.length, 1);
});

test('only exact https origins, and http on loopback, may call from a browser', () => {
  for (const origin of [
    'https://app.example.org',
    'https://app.example.org:8443',
    'http://localhost:5173',
    'http://127.0.0.1',
    'http://[::1]:3000',
  ]) {
    assert.equal(badOriginReason(origin), undefined, origin);
  }
  for (const origin of [
    '*',
    'https://*.example.org',
    'http://app.example.org',
    'http://192.168.1.5',
    'https://app.example.org/',
    'https://app.example.org/path',
    'https://APP.example.org',
    'https://app.example.org:443',
    'https://user@app.example.org',
    'app.example.org',
    'null',
    'file:///x',
    'http://localhost.evil.example',
    'javascript:alert(1)',
  ]) {
    assert.ok(badOriginReason(origin), origin);
    assert.equal(problems({ corsOrigins: [origin] }).length, 1, origin);
    assert.equal(problems({ wsAllowedOrigins: [origin] }).length, 1, origin);
  }
});

test('public hosts are names and proxy networks are networks', () => {
  assert.deepEqual(problems({ publicHosts: ['speech.example.org', '10.0.0.5', '::1', '[::1]'] }), []);
  for (const name of ['https://a.example', 'a.example:80', '*', 'a/b', '']) {
    assert.equal(problems({ publicHosts: [name] }).length, 1, name);
  }
  assert.deepEqual(problems({ proxyNetworks: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'] }), []);
  for (const network of ['10.0.0.0/33', '10.0.0/8', 'x', '::/129', '10.0.0.0/8/8', '10.0.0.0/']) {
    assert.equal(problems({ proxyNetworks: [network] }).length, 1, network);
  }
});

test('placeholders, short keys and keys that no header can carry are refused', () => {
  for (const key of [
    'short',
    'changeme-changeme',
    'CHANGE_ME_CHANGE_ME',
    'your-api-key-here',
    'your_api_key_goes_here',
    'YOUR-OPEN-SPEECH-API-KEY',
    'sk-xxxxxxxxxxxxxxxxxxxx',
    'test-test-test-test',
    'test1234test1234',
    'secret-secret-secret',
    'password12345678',
    'aaaaaaaaaaaaaaaaaaaa',
    'abababababababababab',
    '<insert your key>',
    `\${OS_API_KEY_VALUE}`,
    '12345678901234567890',
    'replace-me-with-a-key',
    'example-key-0000000',
    'with a space in it!!',
    'schlüssel-mit-umlaut-ä',
    'x'.repeat(513),
  ]) {
    assert.ok(weakKeyReason(key), key);
  }
});

test('random keys are accepted, whatever way they were made', () => {
  for (let round = 0; round < 500; round++) {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const key = createHash('sha256').update(String(round)).digest(encoding);
      assert.equal(weakKeyReason(key), undefined, key);
    }
  }
});

test('model files come from named hosts over HTTPS, or from a mirror that may lie on this machine', () => {
  for (const host of [
    '*',
    'localhost',
    '10.0.0.1',
    '[::1]',
    'https://a.example',
    'a.example/x',
    '*example.org',
    'a.*',
  ]) {
    assert.equal(problems({ modelHosts: [host] }).length, 1, host);
  }
  assert.deepEqual(problems({ modelHosts: ['hub.example.org', '*.example.org'] }), []);
  for (const mirror of [
    'https://m.example/models',
    'https://10.0.0.5:8443',
    'http://127.0.0.1:9',
    'http://localhost/m',
  ]) {
    assert.deepEqual(problems({ modelMirror: mirror }), [], mirror);
  }
  for (const mirror of [
    'http://m.example',
    'ftp://m.example',
    'm.example',
    'https://m/?a',
    'https://u:p@m',
    'file:///m',
  ]) {
    assert.equal(problems({ modelMirror: mirror }).length, 1, mirror);
  }
});

test('a language model is named with its address, which holds no secret', () => {
  const llmModel = 'llama';
  for (const llmUrl of ['http://127.0.0.1:11434/v1', 'https://llm.example.org/v1', 'http://10.0.0.5:8000/v1']) {
    assert.deepEqual(problems({ llmUrl, llmModel }), [], llmUrl);
    assert.match(problems({ llmUrl })[0]!, /OS_LLM_MODEL/);
  }
  for (const llmUrl of ['nonsense', 'localhost:11434', 'ftp://example.org/v1', 'https://me:pw-Kq93@example.org/v1']) {
    const [problem] = problems({ llmUrl, llmModel });
    assert.match(problem!, /OS_LLM_URL/);
    assert.doesNotMatch(problem!, /pw-Kq93/);
  }
  assert.match(check({ llmUrl: 'http://10.0.0.5:8000/v1', llmModel }).warnings[0]!, /in the clear/);
  assert.match(check({ llmModel }).warnings[0]!, /no effect/);
});
