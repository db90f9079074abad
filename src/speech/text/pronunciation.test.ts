import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MappedText } from './mapped-text.ts';
import { loadPronunciations, Pronunciations } from './pronunciation.ts';

function say(entries: Record<string, string>, text: string): string {
  return new Pronunciations(Object.entries(entries)).apply(MappedText.of(text), 10_000).text;
}

test('only whole words are replaced, in any script', () => {
  assert.equal(say({ AI: 'A I' }, 'MAIL AI AIs XAI A AI-based (AI) AI.'), 'MAIL A I AIs XAI A A I-based (A I) A I.');
  assert.equal(say({ кот: 'кошка' }, 'кот который скот'), 'кошка который скот');
  assert.equal(say({ cafe: 'coffee' }, 'cafe café cafe\u0301'), 'coffee café cafe\u0301');
  assert.equal(say({ a_b: 'x', c: 'y' }, 'a_b c_d c'), 'x c_d y');
});

test('words of scripts without spaces are found inside a sentence', () => {
  assert.equal(say({ 東京: 'とうきょう' }, '私は東京都に'), '私はとうきょう都に');
  assert.equal(say({ กรุงเทพ: 'bangkok' }, 'ไปกรุงเทพกัน'), 'ไปbangkokกัน');
});

test('a key without inner capitals matches in any case, one with them exactly', () => {
  const entries = { nginx: 'engine x', Nguyen: 'win', SQL: 'sequel', iOS: 'eye o s' };
  assert.equal(
    say(entries, 'Nginx NGINX nguyen NGUYEN SQL sql Sql iOS IOS'),
    'engine x engine x win win sequel sql Sql eye o s IOS',
  );
  assert.equal(say({ us: 'you ess', US: 'you es' }, 'us US Us'), 'you ess you es you ess');
});

test('the longest key wins, and keys may be several words or hold signs', () => {
  const entries = {
    New: 'Old',
    'New York': 'Big Apple',
    'New York City': 'NYC',
    'C++': 'see plus plus',
    '.NET': 'dot net',
    'e.g.': 'for example',
  };
  assert.equal(say(entries, 'New York City, new\nyork, New Yorker, New.'), 'NYC, Big Apple, Old Yorker, Old.');
  assert.equal(
    say(entries, 'C++ and c++, C+ and .NET, e.g. this'),
    'see plus plus and see plus plus, C+ and dot net, for example this',
  );
});

test('an apostrophe does not end a word, but a possessive one does', () => {
  assert.equal(
    say({ OpenAI: 'open A I', don: 'Donald', "it's": 'it is' }, "OpenAI's don't Don It’s it's"),
    "open A I's don't Donald it is it is",
  );
  assert.equal(say({ API: 'A P I' }, "l'API d’API"), "l'A P I d’A P I");
});

test('spoken forms are plain text and are never replaced again', () => {
  assert.equal(say({ a: 'b', b: 'a' }, 'a b'), 'b a');
  assert.equal(say({ cost: '$1 \\n $& \\1', x: 'x x' }, 'cost x'), '$1 \\n $& \\1 x x');
});

test('a word that goes on outside the text is not whole', () => {
  const dictionary = new Pronunciations([['AI', 'A I']]);
  assert.equal(dictionary.apply(MappedText.of('AI'), 100, 'M').text, 'AI');
  assert.equal(dictionary.apply(MappedText.of('AI'), 100, '', 'L').text, 'AI');
  assert.equal(dictionary.apply(MappedText.of('AI'), 100, 'the ', ' is').text, 'A I');
});

test('offsets lead back to the words as they were written', () => {
  const text = new Pronunciations([['SQL', 'sequel']]).apply(MappedText.of('My SQL here'), 100);
  assert.deepEqual(text.range(3, 9), { from: 3, to: 6 });
  assert.deepEqual(text.range(10, 14), { from: 7, to: 11 });
});

test('a text that the dictionary makes too long is refused', () => {
  const dictionary = new Pronunciations([['a', 'b'.repeat(500)]]);
  assert.throws(() => dictionary.apply(MappedText.of('a '.repeat(1000)), 1000), { code: 'text_too_long' });
});

test('long text and a large dictionary are walked once', () => {
  const entries = Array.from({ length: 10_000 }, (_, i) => [`word${i} and more`, `spoken ${i}`] as const);
  const dictionary = new Pronunciations([...entries, ["a'", 'x']]);
  for (const flood of ['word1 and more ', "a'", 'word1', "'", '漢', '👍', 'a'.repeat(1000)]) {
    const text = flood.repeat(100_000 / flood.length);
    assert.ok(dictionary.apply(MappedText.of(text), 1_000_000).length > 0);
  }
});

test('entries are bounded and may not contradict each other', () => {
  const wrong: [string, string][][] = [
    [['', 'x']],
    [['x', ' ']],
    [['x'.repeat(101), 'x']],
    [['x', 'x'.repeat(501)]],
    [['x', 'a\u0000b']],
    [['x', '\ud800']],
    [
      ['nginx', 'a'],
      ['Nginx', 'b'],
    ],
  ];
  for (const entries of wrong) assert.throws(() => new Pronunciations(entries), Error);
});

test('dictionaries are read from JSON and YAML, and what is wrong with a file is said', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'pronunciation-'));
  t.after(() => rm(folder, { recursive: true }));
  const load = async (name: string, content: string, maxEntries = 100) => {
    await writeFile(join(folder, name), content);
    return (await loadPronunciations(join(folder, name), maxEntries)).apply(MappedText.of('API 007 yes null'), 1000)
      .text;
  };

  assert.equal(await load('a.json', '{"API": "A P I"}'), 'A P I 007 yes null');
  assert.equal(
    await load('a.yaml', 'API: A P I # comment\n007: double o seven\nyes: "si"\nnull: nothing\n'),
    'A P I double o seven si nothing',
  );
  assert.equal(await load('empty.yml', ''), 'API 007 yes null');

  const wrong: [name: string, content: string, reason: RegExp][] = [
    ['b.txt', 'a: b', /must end in/],
    ['b.json', '{"a": ', /JSON/],
    ['b.json', '{"a": 5}', /"a" must be text/],
    ['b.json', '["a"]', /flat list/],
    ['b.json', '"a"', /flat list/],
    ['b.yaml', 'a: [b', /./],
    ['b.yaml', 'a:\n  b: c', /"a" must be text/],
    ['b.yaml', 'a: b\na: c', /unique/],
    ['b.yaml', 'a: &x b\nc: *x', /alias/i],
    ['b.yaml', 'a: !!js/function "x"', /tag/],
    ['b.yaml', 'a:', /no spoken form/],
    ['b.yaml', Array.from({ length: 101 }, (_, i) => `w${i}: x`).join('\n'), /101 entries; at most 100/],
  ];
  for (const [name, content, reason] of wrong) {
    await assert.rejects(load(name, content), (error: Error) => {
      assert.ok(error.message.includes(join(folder, name)), error.message);
      assert.match(error.message, reason);
      return true;
    });
  }
  await assert.rejects(loadPronunciations(join(folder, 'missing.json'), 100), /missing\.json cannot be used: ENOENT/);
});
