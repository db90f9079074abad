import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PARAGRAPH_PAUSE_MS, type Piece } from './pieces.ts';
import { type PrepareOptions, prepareSpeech } from './prepare.ts';
import { Pronunciations } from './pronunciation.ts';

const LIMITS = {
  speechInputChars: 4096,
  sentenceChars: 400,
  ssmlDepth: 32,
  breakMs: 10_000,
  speechAudioMs: 3_600_000,
};

function prepare(input: string, options: Partial<PrepareOptions> = {}) {
  return prepareSpeech(input, {
    format: input.startsWith('<speak') ? 'ssml' : 'text',
    language: 'en',
    capability: { speed: { min: 0.5, max: 2 }, pitch: { min: -12, max: 12 }, phonemes: 'ipa' },
    speed: 1,
    limits: LIMITS,
    ...options,
  });
}

const pieces = (input: string, options: Partial<PrepareOptions> = {}): Piece[] => prepare(input, options).pieces;
const texts = (input: string, options: Partial<PrepareOptions> = {}): string[] =>
  pieces(input, options).map(({ text }) => text);

test('plain text becomes one piece for each sentence, in the words of the caller', () => {
  const input = '  Hello\tthere,\r\nDr. Fox!\u0000 How e\u0301tat?  ';
  const [first, second] = pieces(input);
  assert.equal(first!.text, 'Hello there, Dr. Fox!');
  assert.equal(second!.text, 'How état?');
  assert.equal(input.slice(first!.from, first!.to), 'Hello\tthere,\r\nDr. Fox!');
  const word = second!.origin(4, 8);
  assert.equal(input.slice(word.from, word.to), 'e\u0301tat');
  assert.deepEqual([first!.rate, first!.pitch, first!.volumeDb, first!.continues], [1, 0, 0, false]);
});

test('every word of a piece leads back to the same word of the input', () => {
  const input = 'The café has 3.5 stars.\n\nIt is e\u0301legant; really… “very” nice 👍 indeed!';
  for (const piece of pieces(input)) {
    for (const match of piece.text.matchAll(/\S+/g)) {
      const { from, to } = piece.origin(match.index, match.index + match[0].length);
      assert.equal(input.slice(from, to).normalize('NFC'), match[0]);
    }
  }
});

test('a blank line is a pause between paragraphs, and never a pause at the ends', () => {
  const spoken = prepare('\n\nOne. Two.\n\nThree.\n \nFour.\n\n');
  assert.deepEqual(
    spoken.pieces.map((piece) => [piece.text, piece.pauseBeforeMs, piece.pauseAfterMs]),
    [
      ['One.', 0, 0],
      ['Two.', 0, PARAGRAPH_PAUSE_MS],
      ['Three.', 0, PARAGRAPH_PAUSE_MS],
      ['Four.', 0, 0],
    ],
  );
  assert.equal(spoken.pauseMs, 2 * PARAGRAPH_PAUSE_MS);
});

test('text with nothing to speak is refused, and punctuation alone never reaches an engine', () => {
  for (const input of [
    '',
    '   ',
    '\n\n',
    '...',
    '—!?',
    '"" ()',
    '\u0000\u200b',
    '<speak/>',
    '<speak><break time="1s"/></speak>',
    '<speak>...<mark name="m"/></speak>',
  ]) {
    assert.throws(() => prepare(input), { code: 'invalid_request', param: 'input' }, JSON.stringify(input));
  }
  assert.deepEqual(texts('Hello.\n\n***\n\n... Bye.'), ['Hello.', 'Bye.']);
  assert.deepEqual(texts('5 % 🎉'), ['5 % 🎉']);
});

test('broken Unicode is refused, in text and in SSML', () => {
  assert.throws(() => prepare('a\ud800b'), { code: 'invalid_request', param: 'input' });
  assert.throws(() => prepare('<speak>a\ud800b</speak>'), { code: 'invalid_request', param: 'input' });
});

test('length is counted in code points, at the limit and one over it', () => {
  const limits = { ...LIMITS, speechInputChars: 20 };
  for (const unit of ['a', '👍', 'é']) {
    assert.equal(prepare(unit.repeat(20), { limits }).characters, 20);
    assert.throws(() => prepare(unit.repeat(21), { limits }), { code: 'text_too_long', param: 'input' });
  }
  assert.throws(() => prepare('a'.repeat(1_000_000), { limits }), { code: 'text_too_long' });
  const pronunciations = new Pronunciations([['x', 'twelve chars']]);
  assert.equal(prepare('x', { limits, pronunciations }).characters, 12);
  assert.throws(() => prepare('x x', { limits, pronunciations }), { code: 'text_too_long' });
});

test('the dictionary works on text and leaves alone what SSML spells out', () => {
  const pronunciations = new Pronunciations([
    ['SQL', 'sequel'],
    ['AI', 'A I'],
  ]);
  const input =
    '<speak>SQL and <sub alias="AI">x</sub>, <say-as interpret-as="characters">SQL</say-as> M<emphasis>AI</emphasis>L.</speak>';
  assert.equal(texts(input, { pronunciations }).join(' '), 'sequel and AI, S Q L M AI L.');
  const [piece] = pieces('My SQL is here.', { pronunciations });
  assert.deepEqual(piece!.origin(3, 9), { from: 3, to: 6 });
});

test('no piece is longer than the limit, and cut pieces say that they go on', () => {
  const input = 'word and another word, '.repeat(20);
  const made = pieces(input, { limits: { ...LIMITS, sentenceChars: 100 } });
  assert.ok(made.length > 4);
  for (const [i, piece] of made.entries()) {
    assert.ok(piece.text.length <= 100);
    assert.equal(piece.continues, i < made.length - 1);
  }
  assert.equal(made.map(({ text }) => text).join(' '), input.trim());
});

test('only the first piece of all is cut short for an early start', () => {
  const sentence = 'This is one clause of it, and this is another one, and one more to end with.';
  const made = texts(`${sentence} ${sentence}`, { firstMaxChars: 30 });
  assert.deepEqual(made, ['This is one clause of it,', 'and this is another one, and one more to end with.', sentence]);
});

test('a sentence is cut where its manner changes, and punctuation stays with its word', () => {
  const made = pieces(
    '<speak>Hi <emphasis>big</emphasis>, <prosody rate="fast">wide</prosody>! "<prosody pitch="+2st">World</prosody>".</speak>',
  );
  assert.deepEqual(
    made.map(({ text, rate, pitch, volumeDb, continues }) => [text, rate, pitch, volumeDb, continues]),
    [
      ['Hi', 1, 0, 0, true],
      ['big,', 0.93, 0, 2, true],
      ['wide!', 1.25, 0, 0, false],
      ['"World".', 1, 2, 0, false],
    ],
  );
});

test('parts that sound alike stay one sentence', () => {
  assert.deepEqual(
    texts(
      '<speak>On <say-as interpret-as="ordinal">3</say-as> May<mark name="x"/> we <emphasis level="none">met</emphasis> Dr. <sub alias="Fox">F</sub>. Yes.</speak>',
    ),
    ['On third May we met Dr. Fox.', 'Yes.'],
  );
});

test('phonemes are a piece of their own with their text and place', () => {
  const input = '<speak>I say <phoneme ph="təˈmɑːtəʊ">tomato. Really.</phoneme>. You not.</speak>';
  const made = pieces(input);
  assert.deepEqual(
    made.map(({ text, phonemes, continues }) => [text, phonemes, continues]),
    [
      ['I say', undefined, true],
      ['tomato. Really.', 'təˈmɑːtəʊ', false],
      ['You not.', undefined, false],
    ],
  );
  assert.ok(input.slice(made[1]!.from, made[1]!.to).startsWith('<phoneme'));
  const silent = pieces('<speak><phoneme ph="aː"/></speak>');
  assert.deepEqual([silent[0]!.text, silent[0]!.phonemes], ['', 'aː']);
});

test('pauses stand before the first piece or after the one they follow, and are added up', () => {
  const spoken = prepare(
    '<speak><break time="100ms"/>One<break time="1s"/><break time="200ms"/><p>two</p><p>three</p><break time="5ms"/></speak>',
  );
  assert.deepEqual(
    spoken.pieces.map(({ text, pauseBeforeMs, pauseAfterMs }) => [text, pauseBeforeMs, pauseAfterMs]),
    [
      ['One', 100, 1200],
      ['two', 0, PARAGRAPH_PAUSE_MS],
      ['three', 0, 5],
    ],
  );
  assert.equal(spoken.pauseMs, 100 + 1200 + PARAGRAPH_PAUSE_MS + 5);
});

test('marks stand before the word they precede', () => {
  const made = pieces(
    '<speak><mark name="a"/>One <mark name="b"/>two<mark name="c"/>. Three<mark name="d"/><break/><mark name="e"/>four <mark name="f"/><phoneme ph="a">x</phoneme><mark name="g"/></speak>',
  );
  assert.deepEqual(
    made.map(({ text, marks }) => [text, marks.map(({ name, at }) => `${name}${at}`).join(' ')]),
    [
      ['One two.', 'a0 b4 c7'],
      ['Three', 'd5'],
      ['four', 'e0 f4'],
      ['x', 'g1'],
    ],
  );
});

test('the language of the document is told, and decides how it is read', () => {
  const spoken = prepare('<speak xml:lang="de">Am 3. Oktober kam die 2. Klasse.</speak>');
  assert.equal(spoken.language, 'de');
  assert.equal(spoken.pieces.length, 1);
});

test('what the model cannot do is refused with the name of the element', () => {
  const capability = { speed: null, pitch: null, phonemes: null };
  const inputs = [
    '<prosody rate="fast">a</prosody>',
    '<prosody pitch="high">a</prosody>',
    '<phoneme ph="a">a</phoneme>',
  ];
  for (const inner of inputs) {
    assert.throws(() => prepare(`<speak>${inner}</speak>`, { capability }), {
      code: 'unsupported_by_model',
      param: 'input',
      message: new RegExp(`<${inner.slice(1, inner.indexOf(' '))}>`),
    });
  }
});

test('a large text and a large document are prepared in one pass', () => {
  const limits = { ...LIMITS, speechInputChars: 1_000_000 };
  const pronunciations = new Pronunciations([['word', 'verb']]);
  assert.ok(pieces('A word of text, cafe\u0301. '.repeat(20_000), { limits, pronunciations }).length === 20_000);
  const ssml = `<speak>${'word <emphasis>of</emphasis> <mark name="m"/>text '.repeat(15_000)}</speak>`;
  assert.ok(pieces(ssml, { limits, pronunciations }).length >= 30_000);
  assert.throws(() => prepare('\n'.repeat(500_000), { limits }), { code: 'invalid_request' });
});
