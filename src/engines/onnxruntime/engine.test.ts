import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openModel } from '../../../test/models/files.ts';
import { buildToneVoice } from '../../../test/models/tone-voice.ts';
import { buildTurnModel } from '../../../test/models/turn-model.ts';
import type { LoadedModel } from '../contract.ts';
import { engine as sherpa } from '../sherpa/engine.ts';
import { engine } from './engine.ts';

let root = '';
let judge: LoadedModel;
let voice: LoadedModel;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'open-speech-turns-'));
  const [turns, tones] = [join(root, 'turns'), join(root, 'tones')];
  judge = await engine.open(openModel(await buildTurnModel(turns), turns), { threads: 1 });
  voice = await sherpa.open(openModel(await buildToneVoice(tones, { sampleRate: 16_000 }), tones), { threads: 1 });
});
after(async () => {
  await judge.close();
  await voice.close();
  await rm(root, { recursive: true });
});

const never = new AbortController().signal;

/** What the voice says, and silence. */
async function said(text: string, silenceMs = 200): Promise<Float32Array> {
  const parts: number[] = [];
  for await (const { pcm } of voice.speak!({ text, voice: 'tone-0', speed: 1 }, never)) parts.push(...pcm);
  return Float32Array.from([...parts, ...new Array<number>(silenceMs * 16).fill(0)]);
}

const ended = async (pcm: Float32Array): Promise<number> => (await judge.judgeTurn!({ pcm }, never)).ended;

test('a turn that is over is told from one that goes on', async () => {
  assert.ok((await ended(await said('i think so.'))) > 0.9);
  assert.ok((await ended(await said('i think that,'))) < 0.1);
  assert.ok((await ended(await said('i think. and then it'))) < 0.1, 'what counts is the end');
});

test('any length of sound is judged by its last eight seconds', async () => {
  const over = await said('so it is.');
  const long = new Float32Array(30 * 16_000 + over.length);
  long.set(over, long.length - over.length);
  assert.ok((await ended(long)) > 0.9);
  assert.ok((await ended(over.subarray(over.length - 10_000))) > 0.9);
  for (const length of [0, 1, 399]) {
    const chance = await ended(new Float32Array(length));
    assert.ok(chance >= 0 && chance <= 1, `${length} samples`);
  }
});

test('calls at once get answers of their own', async () => {
  const [over, open] = [await said('yes.'), await said('yes')];
  const answers = await Promise.all([over, open, over, open].map(ended));
  assert.deepEqual(
    answers.map((chance) => chance > 0.5),
    [true, false, true, false],
  );
});

test('a file that is no model is refused with what the runtime says, and the process goes on', async () => {
  const path = join(root, 'broken.onnx');
  await writeFile(path, 'not a model');
  const model = {
    ...openModel(await buildTurnModel(join(root, 'turns')), join(root, 'turns')),
    assets: { model: path },
  };
  await assert.rejects(engine.open(model, { threads: 1 }), { code: 'model_unavailable', detail: /protobuf/ });
  await assert.rejects(engine.open({ ...model, assets: {} }, { threads: 1 }), { code: 'model_unavailable' });
  assert.ok((await ended(await said('still here.'))) > 0.9);
});
