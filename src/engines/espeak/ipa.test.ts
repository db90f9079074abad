import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliveryOf } from './delivery.ts';
import { type IpaTable, ipaToMnemonics, learnIpa } from './ipa.ts';
import { loadEspeak } from './wasm.ts';

const espeak = await loadEspeak();

function learn(file: string): IpaTable {
  espeak.deliver(deliveryOf(file, 1, 0));
  return learnIpa(espeak, file);
}

/** What eSpeak itself writes for what it says. */
function spoken(clause: ReturnType<typeof espeak.speakClause>): string {
  return clause.events
    .map((event) => (event.type === 'phoneme' ? event.id : event.type === 'word' ? ' ' : ''))
    .join('');
}
const bare = (ipa: string): string => ipa.replace(/[\sˈˌ]/g, '').normalize('NFD');

test("speaking a voice's own IPA gives the same sounds again", () => {
  for (const file of ['gmw/en', 'gmw/en-US', 'gmw/de', 'roa/fr', 'roa/es', 'roa/it', 'zle/ru', 'trk/tr']) {
    const table = learn(file);
    let same = 0;
    for (let number = 1; number <= 20; number += 1) {
      const ipa = spoken(espeak.speakClause(String(number * 7)));
      const again = ipaToMnemonics(ipa, table).map((piece) => spoken(espeak.speakMnemonics(piece)));
      if (bare(again.join('')) === bare(ipa)) same += 1;
    }
    assert.ok(same >= 19, `${file}: ${same} of 20`);
  }
});

test('stress moves from the syllable to its vowel, and spellings of one sound are one', () => {
  const table = learn('gmw/en-US');
  assert.match(ipaToMnemonics('ˈstɹɛŋθ', table).join(), /^s\|t2?\|r-?\|'E\|N\|T$/);
  assert.deepEqual(ipaToMnemonics("d͡ʒʌd͡ʒ 'ga:", table), ipaToMnemonics('ʤʌdʒ ˈɡaː', table));
});

test('a sound the voice lacks becomes its nearest, and what is no sound is named', () => {
  const table = learn('roa/es');
  assert.deepEqual(ipaToMnemonics('ɪ', table), ipaToMnemonics('i', table));
  assert.deepEqual(ipaToMnemonics('pʷaː', table), ipaToMnemonics('pa', table));
  assert.throws(() => ipaToMnemonics('pa5', table), { code: 'unsupported_value', message: /"5"/ });
});

test('long phonemes are cut into short clauses', () => {
  const pieces = ipaToMnemonics('papa '.repeat(500), learn('roa/es'));
  assert.equal(pieces.length, 50);
  assert.ok(pieces.every((piece) => piece.length < 400));
  assert.deepEqual(ipaToMnemonics(' ', learn('roa/es')), []);
});
