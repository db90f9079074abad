import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mannerOf, type Speaking } from './abilities.ts';
import { MappedText } from './mapped-text.ts';
import type { TextPart } from './parts.ts';

const SOURCE = '<speak>\n <prosody>x</prosody></speak>';
const CAN: Speaking = {
  capability: { speed: { min: 0.5, max: 2 }, pitch: { min: -12, max: 12 }, phonemes: 'ipa' },
  speed: 1,
};
const CANNOT: Speaking = { capability: { speed: null, pitch: null, phonemes: null }, speed: 1 };

function part(fields: Partial<TextPart>): TextPart {
  const plain = { rate: 1, pitch: 0, volumeDb: 0, literal: false };
  return { kind: 'text', content: MappedText.of('x', 18), from: 18, to: 19, ...plain, ...fields };
}

function refused(fields: Partial<TextPart>, speaking: Speaking, message: RegExp): void {
  assert.throws(() => mannerOf(part(fields), speaking, SOURCE), {
    code: 'unsupported_by_model',
    param: 'input',
    message,
  });
}

test('a model that can change nothing speaks plain text, and louder', () => {
  assert.deepEqual(mannerOf(part({ volumeDb: -6 }), CANNOT, SOURCE), { rate: 1, pitch: 0, volumeDb: -6 });
});

test('what a model cannot do is refused, with the element and its place', () => {
  refused({ pitch: 2 }, CANNOT, /^Line 2, column 11: <prosody>: this model cannot change its pitch/);
  refused({ rate: 1.2 }, CANNOT, /<prosody>: this model cannot change its pace/);
  refused({ phonemes: 'a' }, CANNOT, /<phoneme>: this model does not read phonemes/);
});

test('what is beyond the range of a model is refused from both sides', () => {
  for (const [rate, ok] of [
    [0.5, true],
    [0.49, false],
    [2, true],
    [2.01, false],
  ] as const) {
    if (ok) assert.equal(mannerOf(part({ rate }), CAN, SOURCE).rate, rate);
    else refused({ rate }, CAN, /speed reaches from 0.5 to 2/);
  }
  for (const [pitch, ok] of [
    [-12, true],
    [-12.1, false],
    [12, true],
    [12.1, false],
  ] as const) {
    if (ok) assert.equal(mannerOf(part({ pitch }), CAN, SOURCE).pitch, pitch);
    else refused({ pitch }, CAN, /pitch reaches from -12 to 12/);
  }
});

test('the rate counts together with the speed of the request', () => {
  refused({ rate: 1.5 }, { ...CAN, speed: 1.5 }, /a rate of 1.5 at speed 1.5 is beyond/);
  assert.equal(mannerOf(part({ rate: 3 }), { ...CAN, speed: 0.5 }, SOURCE).rate, 3);
});

test('emphasis stays within what the model can do', () => {
  const strong = mannerOf(part({ emphasis: 'strong' }), CAN, SOURCE);
  assert.ok(strong.rate < 1 && strong.volumeDb > 0);
  const reduced = mannerOf(part({ emphasis: 'reduced' }), CAN, SOURCE);
  assert.ok(reduced.rate > 1 && reduced.volumeDb < 0);
  assert.equal(mannerOf(part({ emphasis: 'strong' }), CANNOT, SOURCE).rate, 1);
  assert.equal(mannerOf(part({ emphasis: 'strong', rate: 0.5 }), CAN, SOURCE).rate, 0.5);
});
