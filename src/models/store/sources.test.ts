import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSettings } from '../../config/load.ts';
import { Sources } from './sources.ts';

const refused = { code: 'source_not_allowed' };
const from = (env: Record<string, string> = {}) => new Sources(loadSettings({ env }).settings);

test('files come from the hubs and from where they keep large ones, over HTTPS', () => {
  for (const url of [
    'https://huggingface.co/a/b/resolve/0123/model.onnx',
    'https://cdn-lfs.huggingface.co/x',
    'https://cas-bridge.xethub.hf.co/x?y=z',
    'https://github.com/a/b/releases/download/v1/x.tar.bz2',
    'https://release-assets.githubusercontent.com/x',
    'https://alphacephei.com/vosk/models/x.zip',
  ]) {
    assert.equal(from().locate(url).href, url);
  }
});

test('every other host, scheme, port and spelling is refused', () => {
  for (const url of [
    'http://huggingface.co/a',
    'https://huggingface.co:8443/a',
    'https://user:secret@huggingface.co/a',
    'https://huggingface.co.evil.example/a',
    'https://evilhuggingface.co/a',
    'https://hf.co.evil/a',
    'https://hf.co/a',
    'https://gist.github.com/a',
    'https://127.0.0.1/a',
    'https://[::1]/a',
    'https://169.254.169.254/latest/meta-data',
    'https://2130706433/a',
    'https://0x7f.1/a',
    'https://localhost/a',
    'ftp://huggingface.co/a',
    'file:///etc/passwd',
    'data:text/plain,x',
  ]) {
    assert.throws(() => from().locate(url), refused, url);
    assert.throws(() => from().check(new URL(url)), refused, url);
  }
});

test('no setting makes this machine a source, except naming it as the mirror', async () => {
  const env = { OS_MODEL_HOSTS: 'localhost.example,*.example' };
  const local = new URL('https://localhost.example/a');
  const resolving = new Sources(loadSettings({ env }).settings, {
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    isPublic: (await import('./public-address.ts')).isPublicAddress,
    plainHosts: new Set(),
    tokenHost: 'huggingface.co',
  });
  await assert.rejects(resolving.resolve(local), refused);
  for (const hosts of ['localhost', '127.0.0.1', '*']) {
    assert.throws(() => loadSettings({ env: { OS_MODEL_HOSTS: hosts } }), /OS_MODEL_HOSTS/);
  }
  const mirrored = from({ OS_MODEL_MIRROR: 'http://127.0.0.1:8080/m/' });
  const located = mirrored.locate('https://huggingface.co/a/b?c=d');
  assert.equal(located.href, 'http://127.0.0.1:8080/m/huggingface.co/a/b?c=d');
  mirrored.check(located);
  mirrored.checkAddress(located, '127.0.0.1');
  assert.throws(() => mirrored.check(new URL('http://127.0.0.1:8081/x')), refused, 'another port is another server');
  assert.throws(() => mirrored.checkAddress(new URL('https://huggingface.co/'), '127.0.0.1'), refused);
});

test('one private address among public ones is enough to refuse a name, and a mirror never leads to metadata', async () => {
  const answers = (...addresses: string[]) =>
    new Sources(loadSettings({ env: { OS_MODEL_MIRROR: 'https://mirror.example' } }).settings, {
      resolve: async () => addresses.map((address) => ({ address, family: 4 })),
      isPublic: (address) => address.startsWith('9.'),
      plainHosts: new Set(),
      tokenHost: 'huggingface.co',
    });
  const hub = new URL('https://huggingface.co/a');
  assert.equal((await answers('9.1.1.1', '9.1.1.2').resolve(hub)).length, 2);
  await assert.rejects(answers('9.1.1.1', '10.0.0.1').resolve(hub), refused);
  await assert.rejects(answers().resolve(hub), { code: 'ENOTFOUND' });
  const mirror = new URL('https://mirror.example/a');
  assert.equal((await answers('10.0.0.1').resolve(mirror)).length, 1);
  await assert.rejects(answers('169.254.169.254').resolve(mirror), refused);
});

test('the token is for its own host, and for nobody where a mirror stands in', () => {
  const sources = from({ HF_TOKEN: 'hf_secret' });
  assert.equal(sources.authorization(new URL('https://huggingface.co/a')), 'Bearer hf_secret');
  for (const host of ['cdn-lfs.huggingface.co', 'cas-bridge.xethub.hf.co', 'github.com']) {
    assert.equal(sources.authorization(new URL(`https://${host}/a`)), undefined);
  }
  const mirrored = from({ HF_TOKEN: 'hf_secret', OS_MODEL_MIRROR: 'https://mirror.example' });
  assert.equal(mirrored.authorization(new URL('https://huggingface.co/a')), undefined);
  assert.equal(mirrored.authorization(new URL('https://mirror.example/huggingface.co/a')), undefined);
});

test('hosts without a proxy may be named as networks, as IPv6 and with the port of their scheme', () => {
  const direct = (noProxy: string, url: string): boolean =>
    from({ HTTPS_PROXY: 'http://proxy.example', NO_PROXY: noProxy }).proxy(new URL(url)) === undefined;
  for (const [entry, url] of [
    ['10.0.0.0/8', 'https://10.1.2.3/a'],
    ['10.1.2.3', 'https://10.1.2.3/a'],
    ['fd00::/8', 'https://[fd00::1]/a'],
    ['fd00::1', 'https://[fd00::1]/a'],
    ['[fd00::1]:8443', 'https://[fd00::1]:8443/a'],
    ['mirror.example:80', 'http://mirror.example/a'],
  ] as const) {
    assert.ok(direct(entry, url), entry);
  }
  for (const [entry, url] of [
    ['10.0.0.0/8', 'https://11.1.2.3/a'],
    ['10.0.0.0/8', 'https://mirror.example/a'],
    ['10.0.0.0/99', 'https://10.1.2.3/a'],
    ['fd00::1', 'https://[fd00::2]/a'],
    ['[fd00::1]:8443', 'https://[fd00::1]/a'],
    ['mirror.example:443', 'http://mirror.example/a'],
    ['.', 'https://mirror.example/a'],
    ['', 'https://mirror.example/a'],
  ] as const) {
    assert.ok(!direct(entry, url), entry);
  }
});

test('the proxy is used except for the hosts that are named, and this machine', () => {
  const sources = from({ HTTPS_PROXY: 'proxy.example:3128', NO_PROXY: '.hf.co, github.com:443, example.org:99' });
  const proxy = (url: string) => sources.proxy(new URL(url))?.href;
  assert.equal(proxy('https://huggingface.co/a'), 'http://proxy.example:3128/');
  assert.equal(proxy('https://cdn.hf.co/a'), undefined);
  assert.equal(proxy('https://github.com/a'), undefined);
  assert.equal(proxy('https://example.org/a'), 'http://proxy.example:3128/');
  assert.equal(proxy('http://127.0.0.1:8080/a'), undefined);
  assert.equal(from({ HTTPS_PROXY: 'http://p', NO_PROXY: '*' }).proxy(new URL('https://huggingface.co')), undefined);
  assert.throws(() => from({ HTTPS_PROXY: 'socks5://p:1' }).proxy(new URL('https://huggingface.co')), refused);
});
