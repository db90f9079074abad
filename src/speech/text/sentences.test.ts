import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SentenceOptions, SentenceStream, splitSentences } from './sentences.ts';

function split(text: string, options: Partial<SentenceOptions> = {}): string[] {
  return splitSentences(text, { maxChars: 400, ...options }).map((sentence) => sentence.text);
}

/** Numbers below 1 that are the same in every run (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('sentences end at stops, question marks and exclamation marks', () => {
  assert.deepEqual(split('One. Two? Three! Four?! Five'), ['One.', 'Two?', 'Three!', 'Four?!', 'Five']);
  assert.deepEqual(split('  \n '), []);
  assert.deepEqual(split(''), []);
});

const WHOLE: [language: string, text: string][] = [
  ['en', 'Mr. Smith met Dr. Jones, Prof. Lee and Mrs. J. R. R. Tolkien vs. St. John.'],
  ['en', 'Costs rose 3.14 percent to $1,000.50, e.g. on Jan. 5 at 10.30 a.m. in No. 7, cf. p. 12 and Fig. 3.'],
  ['en', 'The U.S. Army and Acme Inc. of Washington, D.C. agreed.'],
  ['en', 'He waited... and waited… then left.'],
  ['en', 'See https://example.com/a.b?c=d.e!f and mail a.b@c.example. now.'],
  ['en', '"Really?" she asked.'],
  ['en', 'Version 2.0.1 (see sec. 4.2) is out.'],
  ['de', 'Am 1. Januar 2020 feierte die 3. Klasse im 19. Jahrhundert z. B. mit Hrn. Dr. Müller.'],
  ['de', 'Der 2. Weltkrieg, d.h. z.B. Nr. 5, Abs. 3, bzw. S. 17, usw. endete.'],
  ['de', 'Ludwig XIV. von Frankreich kam am 3. 4. 1700 an.'],
  ['fr', 'M. Dupont, p. ex. cf. p. 5, rencontre le Dr. Martin.'],
  ['fr', '« Bonjour. » dit-il.'],
  ['es', 'El Sr. López y la Dra. Ruiz, p.ej. en la pág. 5, viven en EE.UU. y México.'],
  ['it', 'Il Sig. Rossi e la Dott.ssa Bianchi, cfr. pag. 5, ecc. sono qui.'],
  ['pt', 'O Sr. Silva e a Dra. Costa, p.ex. na pág. 5, etc. estão aqui.'],
  ['ja', '「行け！」と言った。'],
  ['ja', '値は３．１４です。'],
];
for (const [language, text] of WHOLE) {
  test(`${language}: "${text}" is one sentence`, () => {
    assert.deepEqual(split(text, { language }), [text]);
  });
}

/** Sentences of each language, with what stands between them. */
const PARTED: [language: string | undefined, between: string, sentences: string[]][] = [
  ['en', ' ', ['No.', 'I will not.']],
  ['en', ' ', ['Plan B.', 'The end.']],
  ['en', ' ', ['So do I.', 'Then we go.']],
  ['en', ' ', ['It cost 5.', 'Then more.']],
  ['en', ' ', ['He lives in the U.S.', 'He likes it.']],
  ['en', ' ', ['Cats, dogs, etc.', 'They sleep.']],
  ['en', ' ', ['He said "Yes."', 'Then he left.']],
  ['en', ' ', ['It was (as I said.)', 'Fine.']],
  ['en', ' ', ['Visit example.com.', 'Then mail a@b.co.', '"Really?" she asked.']],
  ['en', ' ', ['hey!', 'how are you?', 'i am fine.']],
  ['en', ' ', ['**Bold.**', 'Next.']],
  ['en', ' ', ['She left...', 'Why?']],
  ['de', ' ', ['Er ist 5.', 'Dann ging er.']],
  ['de', ' ', ['»Hallo.«', '»Ja.«', 'Nun.']],
  ['de', ' ', ['Das war 1990.', 'Danach kam nichts.']],
  ['de', ' ', ['„Gut.“', 'Weiter.']],
  ['fr', ' ', ['« Oui ! »', 'Elle part.', 'Où ?']],
  ['es', ' ', ['Hola.', '¿Qué tal?', 'Espera...', '¿no?', '¡Bien!']],
  ['zh', '', ['你好。', '今天天气很好！', '真的吗?', '好吗!', '你呢？']],
  ['hi', ' ', ['नमस्ते।', 'आप कैसे हैं?', 'ठीक॥']],
  ['ar', ' ', ['مرحبا.', 'كيف حالك؟', 'بخير.']],
  ['ur', ' ', ['ہاں۔', 'نہیں۔']],
  ['my', ' ', ['မင်္ဂလာပါ။', 'နေကောင်းလား။']],
  ['hy', ' ', ['Բարեւ։', 'Ինչպես ես։']],
  [undefined, ' ', ['Hello Mr. Fox.', 'Am 1. Januar war es.']],
];
for (const [language, between, sentences] of PARTED) {
  test(`${language ?? 'any language'}: "${sentences.join(between)}" is parted where its sentences end`, () => {
    assert.deepEqual(split(sentences.join(between), language === undefined ? {} : { language }), sentences);
  });
}

test('a blank line ends a paragraph, a short line a sentence, and a wrapped line nothing', () => {
  const wrapped = 'A line that was wrapped because it had become too long\nGoes on here.';
  const text = `Title\n\n${wrapped}\nand here\ntoo.\r\n\r\nEnd`;
  const sentences = splitSentences(text, { maxChars: 400 });
  assert.deepEqual(
    sentences.map(({ text, end }) => [text, end]),
    [
      ['Title', 'paragraph'],
      [wrapped, 'sentence'],
      ['and here\ntoo.', 'paragraph'],
      ['End', 'sentence'],
    ],
  );
});

test('every item of a list is a sentence, with its number or bullet', () => {
  assert.deepEqual(split('Buy:\n- milk\n- eggs, and\n* 2 kg of flour\n1. first\n2) Second\n• last'), [
    'Buy:',
    '- milk',
    '- eggs, and',
    '* 2 kg of flour',
    '1. first',
    '2) Second',
    '• last',
  ]);
  assert.deepEqual(split('Steps: 1. Open it. 2. Close it.'), ['Steps: 1. Open it.', '2. Close it.']);
});

test('a sentence over the limit is cut at its last clause, and no piece exceeds the limit', () => {
  const text = 'one two three four, five six seven eight; nine ten eleven twelve thirteen';
  assert.deepEqual(split(text, { maxChars: 45 }), [
    'one two three four, five six seven eight;',
    'nine ten eleven twelve thirteen',
  ]);
  assert.deepEqual(split('1,000,000 and 2,000,000 and 3,000,000', { maxChars: 20 }), [
    '1,000,000 and',
    '2,000,000 and',
    '3,000,000',
  ]);
  assert.deepEqual(split('甲乙丙丁戊，己庚辛壬癸', { maxChars: 8 }), ['甲乙丙丁戊，', '己庚辛壬癸']);
});

test('text without spaces is cut between words, and never inside a grapheme', () => {
  const thai = 'กรุงเทพมหานครอมรรัตนโกสินทร์มหินทรายุธยา'.repeat(3);
  const words = new Intl.Segmenter('und', { granularity: 'word' });
  const starts = new Set([...words.segment(thai)].map(({ index }) => index));
  for (const { from } of splitSentences(thai, { maxChars: 40 })) assert.ok(starts.has(from), `cut at ${from}`);

  const family = '👩‍👩‍👧‍👦';
  for (const piece of split(family.repeat(20), { maxChars: 40 })) {
    assert.equal(piece.replaceAll(family, ''), '');
  }
  const marked = `e${'\u0301'.repeat(6)}`;
  for (const piece of split(marked.repeat(40), { maxChars: 40 })) assert.equal(piece.replaceAll(marked, ''), '');
});

test('one grapheme longer than the limit is cut between code points', () => {
  const flood = `e${'\u{1d167}'.repeat(300)}`;
  const pieces = split(flood, { maxChars: 41 });
  assert.equal(pieces.join(''), flood);
  for (const piece of pieces) {
    assert.ok(piece.isWellFormed());
    assert.ok(piece.length <= 41);
  }
});

test('the first piece may end early at a clause, but not between clauses, and only the first', () => {
  const text =
    'A first clause that is rather long, then a second one, and a third that never ever wants to end, does it.';
  assert.deepEqual(split(text, { firstMaxChars: 60 }), [
    'A first clause that is rather long, then a second one,',
    'and a third that never ever wants to end, does it.',
  ]);
  assert.equal(split(text, { firstMaxChars: 30 })[0], 'A first clause that is rather long,');
  assert.deepEqual(split('No, this has only one clause that is worth a cut', { firstMaxChars: 20 }), [
    'No, this has only one clause that is worth a cut',
  ]);
  assert.deepEqual(split('Short. And this one is long, long enough to be cut at least.', { firstMaxChars: 20 }), [
    'Short.',
    'And this one is long, long enough to be cut at least.',
  ]);
});

const CORPUS = [
  ...WHOLE.map(([, text]) => text),
  ...PARTED.map(([, between, sentences]) => sentences.join(between)),
  'Title\n\nA line that was wrapped because it had become too long\nGoes on here.\nand here\r\n\r\n- a\n- b\n1. c',
  'word, '.repeat(40),
  `${'x'.repeat(200)} 👩‍👩‍👧‍👦${'é'.repeat(50)} 1. 2. 3.`,
  `${' '.repeat(150)}after.${' '.repeat(150)}space.\n\n\n${'\n'.repeat(100)}end…`,
  'क्षि'.repeat(60),
  '....'.repeat(50),
  `"'«»).!? ,;: — - \u2029\n\t`,
];
const ALPHABET = [
  ...'aB1.!?…,;:—- \n\n\t"\'»«)(。！、「」۔।éЖ',
  '👍🏽',
  'e\u0301',
  ' Dr. ',
  ' 1. ',
  ' z.B. ',
  '    ',
  'The ',
];

function texts(): string[] {
  const next = random(7);
  const made = Array.from({ length: 150 }, () =>
    Array.from({ length: 1 + Math.floor(next() * 150) }, () => ALPHABET[Math.floor(next() * ALPHABET.length)]).join(''),
  );
  return [...CORPUS, CORPUS.join(' '), ...made];
}
const OPTIONS: SentenceOptions[] = [
  { maxChars: 400 },
  { maxChars: 40, language: 'de' },
  { maxChars: 120, firstMaxChars: 40, language: 'en' },
  { maxChars: 10, firstMaxChars: 5 },
  { maxChars: 1 },
];

test('nothing is lost but white space between sentences, and offsets give back the same text', () => {
  for (const text of texts()) {
    for (const options of OPTIONS) {
      let done = 0;
      for (const sentence of splitSentences(text, options)) {
        assert.equal(text.slice(sentence.from, sentence.to), sentence.text);
        assert.match(text.slice(done, sentence.from), /^[\s\u0085]*$/u);
        assert.equal(sentence.text, sentence.text.trim());
        assert.ok(sentence.text.length > 0 && sentence.text.length <= Math.max(2, options.maxChars));
        assert.ok(sentence.text.isWellFormed() || options.maxChars === 1);
        done = sentence.to;
      }
      assert.match(text.slice(done), /^[\s\u0085]*$/u);
    }
  }
});

test('text that arrives in pieces cut anywhere gives the same sentences', () => {
  const next = random(11);
  for (const text of texts()) {
    for (const options of OPTIONS) {
      const whole = splitSentences(text, options);
      for (const longest of [1, 5, 80]) {
        const stream = new SentenceStream(options);
        const pieces = [];
        for (let at = 0; at < text.length; ) {
          const length = 1 + Math.floor(next() * longest);
          pieces.push(...stream.push(text.slice(at, at + length)));
          at += length;
        }
        pieces.push(...stream.flush());
        assert.deepEqual(pieces, whole);
      }
    }
  }
});

test('a stream gives a sentence out as soon as the next one begins, and offsets count on after a flush', () => {
  const stream = new SentenceStream({ maxChars: 400 });
  assert.deepEqual(stream.push('Hello there. '), []);
  assert.deepEqual(stream.push('W'), [{ text: 'Hello there.', from: 0, to: 12, end: 'sentence' }]);
  assert.deepEqual(stream.push('ait'), []);
  assert.deepEqual(stream.flush(), [{ text: 'Wait', from: 13, to: 17, end: 'sentence' }]);
  stream.push(' More');
  assert.deepEqual(stream.flush(), [{ text: 'More', from: 18, to: 22, end: 'sentence' }]);
  assert.deepEqual(stream.flush(), []);
});

test('hostile text of 100 000 characters is split, whole and unit by unit', () => {
  const size = 100_000;
  const floods = [
    '.',
    ' ',
    'a',
    '"',
    '. ',
    '.\n',
    'a.',
    ',',
    'A. ',
    '1. ',
    '\n',
    '」',
    '. »',
    '(',
    ' (',
    '👍',
    '\u0301',
    'ก',
    '— ',
  ];
  for (const flood of floods) {
    for (const text of [flood.repeat(size / flood.length), `Hi. ${flood.repeat(size / flood.length)}`]) {
      const stream = new SentenceStream({ maxChars: 400, firstMaxChars: 100 });
      let sentences = 0;
      for (let at = 0; at < text.length; at++) sentences += stream.push(text[at]!).length;
      sentences += stream.flush().length;
      assert.equal(
        sentences,
        splitSentences(text, { maxChars: 400, firstMaxChars: 100 }).length,
        JSON.stringify(flood),
      );
    }
  }
});
