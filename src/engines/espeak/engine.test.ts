import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadedModel, OpenModel, SpeakChunk, SpeakRequest, WordMark } from '../contract.ts';
import { engine } from './engine.ts';

const espeakModel: OpenModel = {
  id: 'espeak',
  engine: 'espeak',
  family: 'espeak-ng',
  folder: '',
  assets: {},
  options: {},
  languages: [],
  voices: [],
};
const model: LoadedModel = await engine.open(espeakModel, { threads: 1 });
const never = new AbortController().signal;

interface Spoken {
  chunks: SpeakChunk[];
  pcm: Float32Array;
  ms: number;
  marks: WordMark[];
}

async function say(request: Partial<SpeakRequest> & { text: string }): Promise<Spoken> {
  const chunks = await Array.fromAsync(model.speak!({ voice: 'en-us', speed: 1, ...request }, never));
  const pcm = Float32Array.from(chunks.flatMap((chunk) => [...chunk.pcm]));
  return { chunks, pcm, ms: (pcm.length * 1000) / 22_050, marks: chunks.flatMap((chunk) => chunk.marks ?? []) };
}

/** The middle fundamental frequency of the voiced parts, by autocorrelation. */
function medianPitch(pcm: Float32Array): number {
  const pitches: number[] = [];
  const size = 1400;
  for (let start = 0; start + 2 * size < pcm.length; start += 1600) {
    const scores: number[] = [];
    for (let lag = 44; lag < 500; lag += 1) {
      let [product, here, there] = [0, 1e-9, 1e-9];
      for (let i = start; i < start + size; i += 1) {
        product += pcm[i]! * pcm[i + lag]!;
        here += pcm[i]! ** 2;
        there += pcm[i + lag]! ** 2;
      }
      scores.push(here / size < 1e-3 ? 0 : product / Math.sqrt(here * there));
    }
    const best = Math.max(...scores);
    // The first peak near the best one: later ones are its multiples.
    const peak = scores.findIndex(
      (score, i) => score > 0.9 * best && score >= (scores[i - 1] ?? 0) && score >= (scores[i + 1] ?? 0),
    );
    if (best > 0.7) pitches.push(22_050 / (44 + peak));
  }
  return pitches.sort((a, b) => a - b)[pitches.length >> 1]!;
}

test('a text is spoken clause by clause at 22 050 Hz, between -1 and 1', async () => {
  const { chunks, pcm, ms } = await say({ text: 'Open Speech is ready. It speaks, and it listens.' });
  assert.equal(chunks.length, 3);
  assert.ok(chunks.every((chunk) => chunk.sampleRate === 22_050));
  assert.ok(ms > 2000 && ms < 6000, `${ms} ms`);
  assert.ok(pcm.every((sample) => sample >= -1 && sample <= 1));
  assert.ok(Math.max(...pcm) > 0.1);
});

test('words are marked with their place in the text and in the audio', async () => {
  const text = 'Zürich 😀 is “well-known”; 42 e-mails\ncame to José.';
  const { marks, ms } = await say({ text });
  assert.deepEqual(
    marks.map(({ from, to }) => text.slice(from, to)),
    ['Zürich', '😀', 'is', 'well-known', '42', 'e-mails', 'came', 'to', 'José'],
  );
  let last = 0;
  for (const mark of marks) {
    assert.ok(mark.startMs >= last && mark.endMs > mark.startMs, JSON.stringify(mark));
    last = mark.endMs;
  }
  assert.ok(last <= ms);
});

test('words of Chinese and Japanese are marked too', async () => {
  for (const [voice, text, words] of [
    ['cmn', '你好，世界。', ['你好', '世界']],
    ['ja', 'こんにちは、世界。', ['こんにちは', '世界']],
  ] as const) {
    const { marks } = await say({ text, voice });
    assert.deepEqual(
      marks.map(({ from, to }) => text.slice(from, to)),
      words,
    );
  }
});

test('speed changes the duration in proportion', async () => {
  const text = 'The quick brown fox jumps over the lazy dog while seven wise men count to ten';
  const own = (await say({ text })).ms;
  for (const speed of [0.5, 0.75, 1.5, 2, 2.5]) {
    const ratio = own / (await say({ text, speed })).ms;
    assert.ok(Math.abs(ratio / speed - 1) < 0.06, `asked ${speed}, got ${ratio}`);
  }
});

test('pitch moves by the asked semitones', async () => {
  const text = 'La la la, my mama may moan all day. Many men marry. Who may know?';
  for (const voice of ['en-us', 'en-us+f3']) {
    const own = medianPitch((await say({ text, voice })).pcm);
    for (const pitch of [-8, -4, 4, 8]) {
      const moved = 12 * Math.log2(medianPitch((await say({ text, voice, pitch })).pcm) / own);
      assert.ok(Math.abs(moved - pitch) < 1.6, `${voice}: asked ${pitch}, got ${moved}`);
    }
  }
});

test('text is only text: markup, mnemonics and commands inside it have no effect', async () => {
  const near = (a: number, b: number): boolean => Math.abs(a - b) < 0.03 * a;
  const spelled = await say({ text: 'one <break time="30s"/> two' });
  assert.ok(spelled.ms < 8000 && spelled.ms > 2500, `${spelled.ms} ms`);
  assert.equal(spelled.marks.length, 4);
  const letters = await say({ text: '[[bdfgbdfg]]' });
  assert.ok(letters.ms > 1000, `${letters.ms} ms: eight letters are spelled, not eight sounds made`);
  const command = await say({ text: 'fast \x01450S words are here' });
  const harmless = await say({ text: 'fast 450S words are here' });
  assert.ok(near(command.ms, harmless.ms), `${command.ms} ${harmless.ms}`);
});

test('nothing to say yields nothing', async () => {
  for (const text of ['', ' \n\t ', '\0\0\0']) assert.equal((await say({ text })).pcm.length, 0, JSON.stringify(text));
});

test('any text ends: symbols, controls, lone surrogates, endless words, all of Unicode', async () => {
  let seed = 20_260_101;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return seed % below;
  };
  const ranges = [
    [0, 0x80],
    [0x20, 0x250],
    [0x300, 0x70],
    [0x600, 0x600],
    [0xd800, 0x800],
    [0x4e00, 0x2000],
    [0x2000, 0x70],
    [0xe000, 0x1fff],
    [0x1f300, 0x400],
    [0, 0x10ffff],
  ] as const;
  const garbage = (length: number): string => {
    const [first, count] = ranges[random(ranges.length)]!;
    return String.fromCodePoint(...Array.from({ length }, () => (random(4) === 0 ? 32 : first + random(count))));
  };
  const texts = [
    'a'.repeat(4096),
    '9'.repeat(300),
    '.'.repeat(4096),
    '![['.repeat(1000),
    'ab. '.repeat(1024),
    ...Array.from({ length: 40 }, () => garbage(1 + random(200))),
  ];
  const voices = ['en-us', 'ru+f3', 'cmn', 'ar', 'hi', 'ja', 'vi', 'fr-fr+whisper'];
  for (const [index, text] of texts.entries()) {
    const { pcm, ms, marks } = await say({ text, voice: voices[index % voices.length]!, speed: 2.5 });
    assert.ok(!pcm.some(Number.isNaN));
    assert.ok(marks.every((mark) => mark.from < mark.to && mark.to <= text.length && mark.endMs <= ms + 1));
  }
});

test('cancelling stops it between clauses, and other work runs meanwhile', async () => {
  const text = 'one two three, '.repeat(50);
  const controller = new AbortController();
  let chunks = 0;
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
    if (chunks === 5) controller.abort();
  }, 0);
  const speaking = (async (): Promise<void> => {
    for await (const _ of model.speak!({ text, voice: 'en-us', speed: 1 }, controller.signal)) {
      chunks = Math.min(chunks + 1, 5);
    }
  })();
  await assert.rejects(speaking, { code: 'cancelled' });
  clearInterval(timer);
  assert.ok(turns >= 1);
  await assert.rejects(Array.fromAsync(model.speak!({ text, voice: 'en-us', speed: 1 }, controller.signal)), {
    code: 'cancelled',
  });
});

test('two requests at once keep their own voices', async () => {
  const text = 'one, two, three, four, five.';
  const pitches = await Promise.all(
    ['en-us', 'en-us+f3'].map(async (voice) => medianPitch((await say({ text, voice })).pcm)),
  );
  assert.ok(pitches[1]! > 1.5 * pitches[0]!, `${pitches}`);
});

test('an unknown voice, a speed or a pitch out of range is an error that names the field', async () => {
  await assert.rejects(say({ text: 'a', voice: 'tlh' }), { code: 'voice_not_found', param: 'voice' });
  await assert.rejects(say({ text: 'a', speed: 4 }), { code: 'unsupported_value', param: 'speed' });
  await assert.rejects(say({ text: 'a', speed: Number.NaN }), { code: 'unsupported_value', param: 'speed' });
  await assert.rejects(say({ text: 'a', pitch: 9 }), { code: 'unsupported_value', param: 'pitch' });
});

test('phonemes are spoken instead of the text and marked as the text', async () => {
  const { marks, ms } = await say({ text: 'tomato', phonemes: '/təˈmɑːtəʊ/', voice: 'en-gb' });
  const own = await say({ text: 'tomato', voice: 'en-gb' });
  assert.ok(Math.abs(ms - own.ms) < 0.25 * own.ms, `${ms} ${own.ms}`);
  assert.deepEqual(marks, [{ from: 0, to: 6, startMs: 0, endMs: Math.round(ms) }]);
  await assert.rejects(say({ text: 'a', phonemes: 'təˈ\u{1f600}' }), { code: 'unsupported_value', param: 'phonemes' });
});

test('what the model can do is known before it is loaded', async () => {
  assert.deepEqual(engine.describe(espeakModel), model.capabilities);
  assert.deepEqual(await engine.availability({}), { available: true });
  assert.equal(engine.readablePaths(espeakModel).length, 1);
  const only = { ...espeakModel, languages: ['en-US'], voices: [{ id: 'me', name: 'Me', language: 'en-US' }] };
  assert.deepEqual(engine.describe(only).speak?.voices, only.voices);
});
