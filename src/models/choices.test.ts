import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Choices, canonicalLanguage } from './choices.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'open-speech-choices-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('what was chosen is there again, in one file that only its owner may read, and looking writes nothing', (t) => {
  const dir = folder(t);
  const choices = new Choices(dir, 10);
  choices.pin('a', false);
  choices.setDefault('stt', 'de', null);
  assert.deepEqual(readdirSync(dir), []);
  choices.pin('a', true);
  choices.pin('a', true);
  choices.setDefault('stt', 'pt-br', 'b');
  choices.setDefault('stt', null, 'c');
  choices.setDefault('stt', 'PT-BR', 'd');
  choices.setAlias('x', 'a');
  choices.setAlias('x', 'b');
  assert.deepEqual(readdirSync(dir), ['model-choices.json']);
  assert.equal(statSync(join(dir, 'model-choices.json')).mode & 0o777, 0o600);
  const again = new Choices(dir, 10);
  assert.deepEqual(again.pins, ['a']);
  assert.deepEqual(again.defaults, [
    { task: 'stt', language: null, model: 'c' },
    { task: 'stt', language: 'pt-BR', model: 'd' },
  ]);
  assert.deepEqual(again.aliases, [{ alias: 'x', model: 'b' }]);
});

test('as many as permitted are kept, changes of what there is included, and a refused one leaves all as it was', (t) => {
  const dir = folder(t);
  const choices = new Choices(dir, 2);
  choices.pin('a', true);
  choices.setAlias('x', 'a');
  const before = readFileSync(join(dir, 'model-choices.json'), 'utf8');
  const full = { code: 'conflict', message: /OS_MAX_MODEL_CHOICES/ };
  assert.throws(() => choices.pin('b', true), full);
  assert.throws(() => choices.setDefault('tts', null, 'a'), full);
  assert.equal(readFileSync(join(dir, 'model-choices.json'), 'utf8'), before);
  assert.deepEqual(choices.pins, ['a']);
  choices.setAlias('x', 'b');
  choices.pin('a', false);
  choices.pin('b', true);
  const fewer = new Choices(dir, 1);
  fewer.setAlias('x', 'c');
  assert.throws(() => fewer.setAlias('y', 'c'), full, 'a lower bound takes nothing away');
});

test('a file that is broken, strange or readable by others stops the start with its name and what is wrong', (t) => {
  const dir = folder(t);
  const path = join(dir, 'model-choices.json');
  const good = { version: 1, pins: [], defaults: [], aliases: [] };
  for (const content of [
    '{',
    '[]',
    JSON.stringify({ ...good, version: 2 }),
    JSON.stringify({ ...good, pins: ['../x'] }),
    JSON.stringify({ ...good, more: 1 }),
    JSON.stringify({ ...good, defaults: [{ task: 'stt', language: '!', model: 'a' }] }),
  ]) {
    writeFileSync(path, content, { mode: 0o600 });
    assert.throws(() => new Choices(dir, 10), /model-choices\.json cannot be used; mend or delete it: ./, content);
  }
  writeFileSync(path, JSON.stringify(good));
  chmodSync(path, 0o644);
  assert.throws(() => new Choices(dir, 10), /chmod 600/);
  rmSync(path);
  assert.deepEqual(new Choices(dir, 10).pins, []);
  assert.equal(existsSync(path), false);
});

test('language tags are written as usual, and what is none is refused', () => {
  assert.deepEqual(['PT-br', 'zh-hans-cn', 'de'].map(canonicalLanguage), ['pt-BR', 'zh-Hans-CN', 'de']);
  for (const bad of ['', 'x', 'deutsch!', 'de_DE', 'de-', '*', 'a'.repeat(100)]) {
    assert.throws(() => canonicalLanguage(bad), { code: 'invalid_request', param: 'language' }, bad);
  }
});
