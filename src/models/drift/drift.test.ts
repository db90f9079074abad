import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { testManifest } from '../../../test/support/hub.ts';
import type { ModelManifest } from '../manifest.ts';
import { shippedManifests } from '../shipped.ts';
import type { Fetch } from './ask.ts';
import { comparePins } from './compare.ts';
import { shelfOf } from './hubs.ts';
import { reportDrift } from './main.ts';
import { pinsOf } from './pins.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const TREE = `/huggingface.co/api/models/org/model/tree/${COMMIT}`;
const RELEASE = '/api.github.com/repos/org/project/releases/tags/v1';
const ASSETS = '/api.github.com/repos/org/project/releases/7/assets';
const hash = (digit: string): string => digit.repeat(64);

interface Page {
  body: unknown;
  status?: number;
  next?: string;
}

/** What the loopback hub answers, by `/host/path?query`, as Hugging Face and GitHub do. */
let pages: Record<string, Page>;
let asked: string[];
const server = createServer((request, response) => {
  asked.push(request.url!);
  const page = pages[request.url!] ?? { status: 404, body: { error: 'Not found' } };
  response.writeHead(page.status ?? 200, {
    'content-type': 'application/json',
    ...(page.next === undefined ? {} : { link: `<${page.next}>; rel="next", <${page.next}>; rel="last"` }),
  });
  response.end(typeof page.body === 'string' ? page.body : JSON.stringify(page.body));
});

/** Reaches the loopback server for every host. */
const fetchHere: Fetch = (url, init) => {
  const { host, pathname, search, protocol } = new URL(url);
  assert.equal(protocol, 'https:');
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${host}${pathname}${search}`, init);
};

const lfs = (path: string, size: number, oid: string) => ({
  ...{ type: 'file', path, size, oid: 'a'.repeat(40) },
  lfs: { oid, size, pointerSize: 134 },
});

beforeEach(async () => {
  asked = [];
  pages = {
    [`${TREE}?recursive=true`]: {
      body: [lfs('onnx/model.onnx', 1000, hash('1')), { type: 'directory', path: 'onnx', size: 0, oid: 'b' }],
      next: `https://huggingface.co/api/models/org/model/tree/${COMMIT}?recursive=true&cursor=2`,
    },
    [`${TREE}?recursive=true&cursor=2`]: {
      body: [{ type: 'file', path: 'tokens.txt', size: 20, oid: 'c'.repeat(40) }],
    },
    [RELEASE]: {
      body: { id: 7, assets_url: 'https://api.github.com/repos/org/project/releases/7/assets', assets: [] },
    },
    [`${ASSETS}?per_page=100`]: {
      body: [{ name: 'new.tar.bz2', size: 300, digest: `sha256:${hash('3')}` }],
      next: 'https://api.github.com/repos/org/project/releases/7/assets?per_page=100&page=2',
    },
    [`${ASSETS}?per_page=100&page=2`]: { body: [{ name: 'old++.tar.bz2', size: 400, digest: null }] },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

const hubFile = (path: string, bytes: number, sha256: string) => ({
  ...{ path, bytes, sha256 },
  url: `https://huggingface.co/org/model/resolve/${COMMIT}/${path}`,
});
const packed = (id: string, name: string, bytes: number, sha256: string): ModelManifest =>
  testManifest({
    id,
    files: [{ path: 'model.onnx' }],
    archive: {
      ...{ bytes, sha256, format: 'tar.bz2', stripComponents: 1, keep: [] },
      url: `https://github.com/org/project/releases/download/v1/${name}`,
    },
  });
const asPinned = (): ModelManifest[] => [
  testManifest({
    id: 'hub',
    files: [hubFile('onnx/model.onnx', 1000, hash('1')), hubFile('tokens.txt', 20, hash('2'))],
  }),
  packed('new', 'new.tar.bz2', 300, hash('3')),
  packed('old', 'old%2B%2B.tar.bz2', 400, hash('4')),
];
const verdicts = async (manifests: readonly ModelManifest[]) =>
  (await comparePins(pinsOf(manifests), fetchHere)).map(({ verdict }) => verdict);

test('what is as pinned is told apart from what the hub tells only the size of', async () => {
  assert.deepEqual(await verdicts(asPinned()), ['same', 'size-only', 'same', 'size-only']);
  assert.equal((await reportDrift(asPinned(), fetchHere, false)).exitCode, 0);
});

test('a list is asked for once, however many files are on it, and through all its pages', async () => {
  await verdicts(asPinned());
  assert.deepEqual(asked.sort(), Object.keys(pages).sort());
});

test('a replaced asset, another size and a file that is gone are drift, with what is there now', async () => {
  const drifted = [
    packed('replaced', 'new.tar.bz2', 300, hash('9')),
    packed('longer', 'old%2B%2B.tar.bz2', 399, hash('4')),
    testManifest({ id: 'gone', files: [hubFile('gone.onnx', 1, hash('5'))] }),
  ];
  assert.deepEqual(await verdicts(drifted), ['drifted', 'drifted', 'missing']);
  const { text, exitCode } = await reportDrift(drifted, fetchHere, false);
  assert.equal(exitCode, 1);
  assert.ok(text.includes(`pinned 300 bytes ${hash('9')}\n  told   300 bytes ${hash('3')}`), text);
  assert.match(text, /missing: gone: https:/);
});

test('the report for programs names every place', async () => {
  const { text } = await reportDrift(asPinned(), fetchHere, true);
  const findings = JSON.parse(text) as { model: string; verdict: string; told: unknown }[];
  assert.deepEqual(
    findings.map(({ model }) => model),
    ['hub', 'hub', 'new', 'old'],
  );
  assert.deepEqual(findings[0]!.told, { bytes: 1000, sha256: hash('1') });
});

test('a hub that cannot be asked is no drift, and the reason is told', async () => {
  const reasonFor = async (page: Page): Promise<string> => {
    pages[`${TREE}?recursive=true`] = page;
    const [finding] = await comparePins(pinsOf(asPinned().slice(0, 1)), fetchHere);
    assert.equal(finding!.verdict, 'unknown');
    return finding!.reason!;
  };
  assert.equal(await reasonFor({ status: 429, body: {} }), 'huggingface.co answers 429');
  assert.equal(await reasonFor({ body: 'no json' }), 'huggingface.co answers no JSON');
  assert.equal(await reasonFor({ body: { files: [] } }), 'huggingface.co answers something else than a list of files');
  const away = { body: [], next: 'https://elsewhere.example/list' };
  assert.equal(await reasonFor(away), 'huggingface.co leads to another host');
  const round = { body: [], next: `https://huggingface.co/api/models/org/model/tree/${COMMIT}?recursive=true` };
  assert.equal(await reasonFor(round), 'huggingface.co does not stop adding pages');
  pages[RELEASE] = { body: { assets_url: 'https://elsewhere.example/assets' } };
  const { exitCode, text } = await reportDrift(asPinned(), fetchHere, false);
  assert.equal(exitCode, 2);
  assert.match(text, /api\.github\.com answers something else than a release/);
});

test('a network that is down is named with its host', async () => {
  const down: Fetch = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ENOTFOUND') }));
  const [finding] = await comparePins(pinsOf(asPinned()), down);
  assert.equal(finding!.reason, 'huggingface.co cannot be reached: ENOTFOUND');
});

test('a Vosk model is as large as the list of its makers says', async () => {
  const url = (name: string) => `https://alphacephei.com/vosk/models/${name}.zip`;
  pages['/alphacephei.com/vosk/models/model-list.json'] = {
    body: [
      { name: 'same', url: url('same'), size: 100, md5: 'a'.repeat(32), obsolete: 'false' },
      { name: 'other', url: url('other'), size: 201, md5: 'b'.repeat(32), obsolete: 'true' },
    ],
  };
  const pins = ['same', 'other', 'gone'].map((name, at) => ({
    ...{ model: name, url: url(name), bytes: 100 * (at + 1), sha256: hash('4') },
  }));
  const findings = await comparePins(pins, fetchHere);
  assert.deepEqual(
    findings.map(({ verdict }) => verdict),
    ['size-only', 'drifted', 'missing'],
  );
  assert.equal(asked.length, 1);
});

test('every place of the catalogue can be asked about', async () => {
  const pins = pinsOf(await shippedManifests());
  assert.ok(pins.length > 70);
  assert.deepEqual(
    pins.filter(({ url }) => shelfOf(url) === undefined),
    [],
  );
  assert.equal(shelfOf('https://elsewhere.example/model.onnx'), undefined);
});
