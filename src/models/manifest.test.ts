import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelManifestSchema } from './manifest.ts';

const hash = 'a'.repeat(64);
const plain = {
  ...{ id: 'm', kind: 'stt', engine: 'sherpa', family: 'whisper', revision: 'r', licence: 'MIT', languages: ['en'] },
  files: [{ path: 'a.onnx', bytes: 1, sha256: hash }],
};
const archive = { url: 'https://example.org/a.tar', bytes: 1, sha256: hash, format: 'tar' };
const accepts = (changes: object): boolean => modelManifestSchema.safeParse({ ...plain, ...changes }).success;

test('files stand for themselves or come out of a hashed archive', () => {
  assert.ok(accepts({}));
  assert.ok(accepts({ archive, files: [{ path: 'a.onnx' }] }));
  assert.ok(
    accepts({ archive, files: [{ path: 'a' }, { path: 'b', url: 'https://example.org/b', bytes: 1, sha256: hash }] }),
  );
  assert.ok(accepts({ archive: { ...archive, keep: 'all', stripComponents: 1 }, files: [{ path: 'a' }] }));
  for (const bad of [
    { files: [{ path: 'a' }] },
    { files: [{ path: 'a', bytes: 1 }] },
    { files: [{ path: 'a', sha256: hash }] },
    { archive, files: [] },
    { archive, files: [{ path: 'b', url: 'https://example.org/b', bytes: 1, sha256: hash }] },
    { archive, files: [{ path: 'a' }, { path: 'b', url: 'https://example.org/b' }] },
    { archive: { ...archive, sha256: undefined }, files: [{ path: 'a' }] },
    { archive: { ...archive, format: 'rar' }, files: [{ path: 'a' }] },
    { archive: { ...archive, more: 1 }, files: [{ path: 'a' }] },
    { files: [plain.files[0], { ...plain.files[0], path: 'A.onnx' }] },
  ]) {
    assert.equal(accepts(bad), false, JSON.stringify(bad));
  }
});

test('no file lies outside the folder or in place of what the store writes there', () => {
  const at = (path: string): boolean => accepts({ files: [{ path, bytes: 1, sha256: hash }] });
  assert.ok(at('sub/folder/a.onnx'));
  for (const path of [
    '',
    '/a',
    '../a',
    'a/../b',
    'a//b',
    './a',
    'a\\b',
    'C:/a',
    'a\0',
    'manifest.json',
    'Installed.json',
  ]) {
    assert.equal(at(path), false, path);
  }
});
