import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from '../../errors.ts';
import type { SpeechPart, TextPart } from './parts.ts';
import { parseSsml, type SsmlOptions } from './ssml.ts';

const OPTIONS: SsmlOptions = {
  language: 'en',
  maxChars: 4096,
  maxDepth: 32,
  maxBreakMs: 10_000,
  maxPauseMs: 60_000,
};

const parts = (source: string, options: Partial<SsmlOptions> = {}): SpeechPart[] =>
  parseSsml(source, { ...OPTIONS, ...options }).parts;
const texts = (source: string): TextPart[] => parts(source).filter((part) => part.kind === 'text');
const spoken = (source: string): string =>
  texts(source)
    .map((part) => part.content.text)
    .join('');

function refused(source: string, message: RegExp, options: Partial<SsmlOptions> = {}): void {
  assert.throws(
    () => parseSsml(source, { ...OPTIONS, ...options }),
    (error) => {
      assert.ok(error instanceof SpeechError);
      assert.equal(error.code, 'invalid_ssml');
      assert.equal(error.param, 'input');
      assert.match(error.message, message);
      assert.ok(error.message.length < 400, 'the message is short');
      return true;
    },
  );
}

test('text is spoken with its entities resolved and its white space collapsed', () => {
  assert.equal(
    spoken('<speak>\n  Tom &amp; &#74;&#x65;rry\r\n&lt;3 <![CDATA[a < b ]] & c]]></speak>'),
    ' Tom & Jerry <3 a < b ]] & c',
  );
  assert.equal(spoken('<?xml version="1.1"?><speak>a<!-- not this -->b</speak>'), 'ab');
  assert.equal(spoken('\ufeff<speak>a</speak>'), 'a');
});

test('every unit of text maps to its place in the source', () => {
  const source = '<speak>A &amp; B <![CDATA[<C>]]> <!-- x -->D\r\n<p>E&#x1F600;</p></speak>';
  for (const { content } of texts(source)) {
    for (let i = 0; i < content.length; i++) {
      const { from, to } = content.range(i, i + 1);
      const written = source.slice(from, to);
      const unit = content.text[i]!;
      if (unit === '&') assert.equal(written, '&amp;');
      else if (/[\ud800-\udfff]/.test(unit)) assert.equal(written, '&#x1F600;');
      else if (unit === ' ') assert.match(written, /^\s+$/);
      else assert.equal(written, unit);
    }
  }
  assert.equal(spoken(source), 'A & B <C> D E😀');
});

test('what speak may carry is allowed, and xml:lang is told', () => {
  const source =
    '<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" xml:lang="de-AT">Hallo</speak>';
  assert.equal(parseSsml(source, OPTIONS).language, 'de-AT');
  assert.equal(parseSsml('<speak>Hi</speak>', OPTIONS).language, 'en');
  refused('<speak xmlns="http://example.org">a</speak>', /namespace/);
  refused('<speak xml:lang="not a language">a</speak>', /language tag/);
});

test('pauses are given by time, by strength, or medium, and added up', () => {
  const source =
    '<speak><break time="1.5s"/><break strength="strong"/><break/><break strength="none"/><break time="20ms" strength="strong"/></speak>';
  const pauses = parts(source).map((part) => (part.kind === 'pause' ? part.ms : assert.fail()));
  assert.deepEqual(pauses, [1500, 700, 400, 20]);
  assert.equal(parseSsml(source, OPTIONS).pauseMs, 2620);
});

test('prosody nests: changes count from what is around, names and percentages from the voice', () => {
  const source =
    '<speak><prosody rate="150%" pitch="+2st" volume="-3dB">a<prosody rate="+10%" pitch="+1st" volume="-3dB">b</prosody><prosody rate="slow" pitch="default" volume="loud">c</prosody></prosody>d</speak>';
  assert.deepEqual(
    texts(source).map(({ content, rate, pitch, volumeDb }) => [content.text, Number(rate.toFixed(6)), pitch, volumeDb]),
    [
      ['a', 1.5, 2, -3],
      ['b', 1.65, 3, -6],
      ['c', 0.75, 0, 4],
      ['d', 1, 0, 0],
    ],
  );
});

test('emphasis is told with its level, the innermost counts, and none ends it', () => {
  const source =
    '<speak>a<emphasis>b<emphasis level="strong">c</emphasis><emphasis level="none">d</emphasis></emphasis></speak>';
  assert.deepEqual(
    texts(source).map((part) => [part.content.text, part.emphasis]),
    [
      ['a', undefined],
      ['b', 'moderate'],
      ['c', 'strong'],
      ['d', undefined],
    ],
  );
});

test('sub, say-as and phoneme say how their text is spoken, and map to it', () => {
  const source =
    '<speak><sub alias=" World  Wide Web ">WWW</sub><say-as interpret-as="digits">12</say-as><phoneme alphabet="ipa" ph="təˈmeɪtoʊ">tomato</phoneme></speak>';
  const [sub, digits, phoneme] = texts(source);
  assert.equal(sub!.content.text.trim(), 'World Wide Web');
  assert.equal(source.slice(...Object.values(sub!.content.range(2, 5))), 'WWW');
  assert.equal(digits!.content.text, 'one two');
  assert.equal(source.slice(...Object.values(digits!.content.range(0, 3))), '12');
  assert.equal(phoneme!.content.text, 'tomato');
  assert.equal(phoneme!.phonemes, 'təˈmeɪtoʊ');
  assert.ok(sub!.literal && digits!.literal && phoneme!.literal);
  assert.equal(texts('<speak><phoneme ph="a"/></speak>')[0]!.phonemes, 'a');
});

test('marks and boundaries stand where they were written', () => {
  assert.deepEqual(
    parts('<speak>a<mark name="m"/><p><s>b</s></p></speak>').map((part) =>
      part.kind === 'text' ? part.content.text : part.kind === 'mark' ? [part.name, part.at] : part,
    ),
    [
      'a',
      ['m', 8],
      { kind: 'boundary', paragraph: false },
      { kind: 'boundary', paragraph: false },
      'b',
      { kind: 'boundary', paragraph: false },
      { kind: 'boundary', paragraph: true },
    ],
  );
});

const BROKEN: [name: string, source: string, message: RegExp][] = [
  [
    'an unknown element',
    '<speak>\r\n 👍 <audio src="x"/></speak>',
    /^Line 2, column 4: <audio> is not known here; known are speak, p, s, break/,
  ],
  ['an element named like a method', '<speak><constructor/></speak>', /<constructor> is not known/],
  [
    'an unknown attribute',
    '<speak>\n<prosody contour="x">a</prosody></speak>',
    /^Line 2, column 1: <prosody> has no attribute "contour" here; known: rate, pitch, volume/,
  ],
  ['an attribute on an element without any', '<speak><p xml:lang="de">a</p></speak>', /known: none/],
  ['an attribute named like a method', '<speak __proto__="x">a</speak>', /no attribute "__proto__"/],
  [
    'a wrong value',
    '<speak><prosody rate="warp">a</prosody></speak>',
    /^Line 1, column 8: rate="warp" of <prosody> is not x-slow/,
  ],
  ['prosody without attributes', '<speak><prosody>a</prosody></speak>', /needs rate, pitch or volume/],
  ['a rate beyond all sense', '<speak><prosody rate="10000%">a</prosody></speak>', /from 0.1 to 10 times, not 100/],
  [
    'a rate grown by nesting',
    `<speak>${'<prosody rate="+100%">'.repeat(5)}a${'</prosody>'.repeat(5)}</speak>`,
    /from 0.1 to 10 times, not 16/,
  ],
  [
    'a pause over the limit',
    '<speak><break time="99999999ms"/></speak>',
    /^Line 1, column 8: <break> may last at most 10000 ms/,
  ],
  ['a pause without unit', '<speak><break time="5"/></speak>', /500ms or 1.5s/],
  [
    'pauses over the limit together',
    `<speak>${'<break time="10s"/>'.repeat(7)}</speak>`,
    /column 122: all pauses together may last at most 60000 ms/,
  ],
  ['text in a break', '<speak><break>a</break></speak>', /<break> may not hold text/],
  ['an element in a sub', '<speak><sub alias="a"><break/></sub></speak>', /<sub> may not hold <break>/],
  ['a mark without a name', '<speak><mark/></speak>', /<mark> needs name/],
  ['a sub without an alias', '<speak><sub alias=" ">a</sub></speak>', /<sub> needs alias/],
  [
    'an unknown interpretation',
    '<speak><say-as interpret-as="expletive">a</say-as></speak>',
    /one of characters, spell-out/,
  ],
  ['a format where none is', '<speak><say-as interpret-as="digits" format="x">1</say-as></speak>', /date or a time/],
  ['another alphabet', '<speak><phoneme alphabet="x-sampa" ph="a">a</phoneme></speak>', /not "x-sampa"/],
  ['phonemes that are none', '<speak><phoneme ph="[[t@]]">a</phoneme></speak>', /is not IPA/],
  ['another root', '<p>a</p>', /outermost element must be <speak>/],
  ['a root in another', '<speak><speak>a</speak></speak>', /may not stand inside/],
  ['two roots', '<speak>a</speak><speak>b</speak>', /one root/],
  ['text outside the root', 'hello <speak>a</speak>', /outside of root/],
  ['no XML at all', 'hello', /outside of root/],
  ['nothing', '', /root element/],
  ['an unclosed element', '<speak>a', /unclosed tag: speak/],
  ['elements closed crosswise', '<speak><p><s>a</p></s></speak>', /unexpected close tag/],
  ['a stray <', '<speak>1 < 2</speak>', /disallowed character/],
  ['a stray &', '<speak>Tom & Jerry</speak>', /^Line 1, column 12: "&" must be written "&amp;"/],
  ['an unknown entity', '<speak>&nbsp;</speak>', /undefined entity/],
  ['a character XML forbids', '<speak>&#0;</speak>', /malformed character entity/],
  ['half a surrogate pair by number', '<speak>&#xD800;</speak>', /malformed character entity/],
  ['an attribute twice', '<speak><break time="1s" time="2s"/></speak>', /duplicate attribute/],
  ['an unquoted attribute', '<speak><break time=1s /></speak>', /unquoted/],
  ['a processing instruction', '<speak><?php system("x")?>a</speak>', /processing instructions/],
  ['a document type', '<!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak>a</speak>', /document type is not allowed/],
  ['an unended document type', '<!DOCTYPE speak [<!ENTITY a "b">', /root element|unexpected end/],
];
for (const [name, source, message] of BROKEN) {
  test(`${name} is refused with its place`, () => refused(source, message));
}

test('an entity bomb is refused at its document type', () => {
  const levels = Array.from({ length: 10 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`);
  refused(`<!DOCTYPE speak [<!ENTITY l0 "ha">${levels.join('')}]><speak>&l10;</speak>`, /document type/);
});

test('nesting is counted, and ten thousand levels are refused at the first one too many', () => {
  const nested = (levels: number) => `${'<speak>'}${'<s>'.repeat(levels - 1)}a${'</s>'.repeat(levels - 1)}</speak>`;
  assert.doesNotThrow(() => parts(nested(32)));
  refused(nested(33), /column 101: <s> is nested more than 32 levels deep/);
  refused(nested(10_000), /nested more than 32/);
});

test('names and attributes of a megabyte are refused with a short message', () => {
  const long = 'x'.repeat(1_000_000);
  refused(`<speak><${long}/></speak>`, /is not known here/);
  refused(`<speak><prosody rate="${long}">a</prosody></speak>`, /is not x-slow/);
  refused(`<speak><prosody ${long}="a">a</prosody></speak>`, /has no attribute/);
  refused(`<speak><break time="${'9'.repeat(1_000_000)}s"/></speak>`, /500ms/);
  refused(`<speak><break time="${' '.repeat(1_000_000)}"/></speak>`, /500ms/);
  refused(`<speak>&${long};</speak>`, /undefined entity/);
  refused(`<speak><phoneme ph="${'1 '.repeat(500_000)}">a</phoneme></speak>`, /IPA/);
});

test('a very large document is read in one pass', () => {
  const many = 20_000;
  const source = `<speak>${'<s>a &amp; b<!-- c --><![CDATA[d]]></s><mark name="m"/>'.repeat(many)}</speak>`;
  const { parts, characters } = parseSsml(source, { ...OPTIONS, maxChars: 1_000_000 });
  assert.equal(parts.filter(({ kind }) => kind === 'mark').length, many);
  assert.equal(characters, 6 * many);
});

test('the length is bounded after expansion, phonemes and aliases included', () => {
  const long = 'a'.repeat(50);
  for (const inner of [
    long.repeat(3),
    `<sub alias="${long.repeat(3)}">a</sub>`,
    `<phoneme ph="${long.repeat(3)}">a</phoneme>`,
  ]) {
    const source = `<speak>${inner}</speak>`;
    assert.equal(parseSsml(source, { ...OPTIONS, maxChars: 150 }).characters, 150);
    assert.throws(() => parseSsml(source, { ...OPTIONS, maxChars: 149 }), { code: 'text_too_long', param: 'input' });
  }
  const digits = `<speak><say-as interpret-as="digits">${'7'.repeat(4000)}</say-as></speak>`;
  assert.throws(() => parseSsml(digits, OPTIONS), { code: 'text_too_long' });
});

test('documents damaged at random are read or refused, never anything else', () => {
  const whole =
    '<?xml version="1.0"?><speak xml:lang="en">A &amp; <p><s>b</s></p><break time="1s"/><prosody rate="fast" pitch="+2st" volume="-3dB">c <emphasis level="strong">d</emphasis></prosody><say-as interpret-as="date" format="mdy">3/4/2020</say-as><sub alias="e">f</sub><phoneme alphabet="ipa" ph="g">h</phoneme><mark name="i"/><![CDATA[j]]><!-- k -->é👍</speak>';
  const bits = [
    '<',
    '>',
    '/',
    '&',
    ';',
    '"',
    '=',
    ' ',
    ']]>',
    '<!',
    '--',
    '<?',
    '&#',
    'speak',
    '\r',
    '\u0000',
    '9',
    '%',
    '\ud800',
  ];
  let state = 1;
  const below = (limit: number) => {
    state = (state * 48_271) % 0x7fffffff;
    return state % limit;
  };
  let read = 0;
  for (let i = 0; i < 4000; i++) {
    const at = below(whole.length);
    const damaged = whole.slice(0, at) + (below(2) === 0 ? bits[below(bits.length)] : '') + whole.slice(at + below(6));
    try {
      for (const part of parts(damaged)) {
        if (part.kind === 'text') assert.ok(part.from <= part.to && part.to <= damaged.length);
      }
      read++;
    } catch (error) {
      assert.ok(error instanceof SpeechError, `${damaged}\n${error}`);
    }
  }
  assert.ok(read > 100 && read < 3900);
});
