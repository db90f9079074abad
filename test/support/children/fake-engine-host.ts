/** An engine process for the tests of `workers/`: does what the text of a request says, or misbehaves when told to. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Capabilities,
  Engine,
  Hearing,
  ListenRequest,
  LoadedModel,
  RecognisedWord,
  SpeakChunk,
  SpeakRequest,
} from '../../../src/engines/contract.ts';
import { SpeechError } from '../../../src/errors.ts';
import { serveEngine } from '../../../src/workers/local/serve-engine.ts';
import type { FakeHearing, FakeText } from '../fake-engine.ts';
import { sumOf } from '../sum-of.ts';

const capabilities: Capabilities = {
  speak: {
    voices: [],
    languages: ['en'],
    sampleRate: 16_000,
    speed: null,
    pitch: null,
    phonemes: null,
    instructions: false,
    wordMarks: false,
  },
  listen: { languages: ['en'], detectsLanguage: false, wordTimes: true, confidence: true },
};

/** What the engine saw; a later call reads it. */
const seen = { made: 0, aborted: 0, ended: 0 };

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function* speak(request: SpeakRequest, signal: AbortSignal): AsyncGenerator<SpeakChunk> {
  const text = JSON.parse(request.text) as FakeText;
  const { chunks = 1, samples = 4, chunkMs = 0 } = text;
  try {
    if (text.report) {
      yield { pcm: new Float32Array([process.pid, seen.made, seen.aborted, seen.ended]), sampleRate: 16_000 };
      return;
    }
    if (text.fail === 'typed') throw new SpeechError('voice_not_found', 'No such voice.', { param: 'voice' });
    if (text.fail === 'untyped') throw new Error('a secret inside');
    for (const hoard: Buffer[] = []; text.eat; await sleep(5)) hoard.push(Buffer.alloc(16 * 2 ** 20, 1));
    for (let i = 0; i < chunks; i++) {
      if (i === (text.exitAfter ?? -1)) process.kill(process.pid, 'SIGKILL');
      if (i === (text.hangAfter ?? -1)) await new Promise(() => {});
      if (i === (text.blockAfter ?? -1)) block(600_000);
      if (chunkMs > 0) await (text.deaf ? sleep(chunkMs) : sleep(chunkMs, undefined, { signal }));
      seen.made++;
      yield { pcm: new Float32Array(samples).fill(i), sampleRate: 16_000 };
    }
    if (chunks === (text.exitAfter ?? -1)) process.kill(process.pid, 'SIGKILL');
  } finally {
    if (signal.aborted) seen.aborted++;
    seen.ended++;
  }
}

async function* listen(
  { prompt = '{}', words: withWords, alternatives = 0 }: ListenRequest,
  audio: AsyncIterable<Float32Array>,
  signal: AbortSignal,
): AsyncGenerator<Hearing> {
  const { words: spoken, wordMs = 100, pieceMs = 0, ...script } = JSON.parse(prompt) as FakeHearing;
  const pieces: Float32Array[] = [];
  const words: RecognisedWord[] = [];
  const heard = (final: boolean): Hearing => {
    const text = words.map(({ word }) => word).join(' ');
    return {
      text: final && script.sum ? sumOf(pieces) : text,
      ...{ final, startMs: words[0]?.startMs ?? 0, endMs: words.at(-1)?.endMs ?? 0 },
      ...(withWords ? { words: [...words] } : {}),
      ...(final ? { language: 'en', confidence: 0.9 } : {}),
      ...(final && alternatives > 0
        ? {
            alternatives: Array.from({ length: alternatives }, (_, n) => ({
              text: `${text} or ${n}`,
              confidence: 0.1,
            })),
          }
        : {}),
    };
  };
  try {
    if (script.fail === 'typed') throw new SpeechError('unsupported_value', 'No such language.', { param: 'language' });
    if (script.fail === 'untyped') throw new Error('a secret inside');
    if (script.deaf) await sleep(600_000, undefined, { signal });
    let samples = 0;
    for await (const pcm of audio) {
      if (pieceMs > 0) await sleep(pieceMs, undefined, { signal });
      samples += pcm.length;
      if (script.sum) pieces.push(pcm);
      const ms = samples / 16;
      if (ms >= (script.exitAfterMs ?? Number.POSITIVE_INFINITY)) process.kill(process.pid, 'SIGKILL');
      if (ms >= (script.blockAfterMs ?? Number.POSITIVE_INFINITY)) block(600_000);
      const before = words.length;
      for (let n = words.length; (n + 1) * wordMs <= ms; n++) {
        const word = spoken === undefined ? `w${n}` : spoken[n % spoken.length]!;
        words.push({ word, startMs: n * wordMs, endMs: (n + 1) * wordMs, confidence: 0.9 });
      }
      if (words.length > before) yield heard(false);
      if (ms >= (script.doneAfterMs ?? Number.POSITIVE_INFINITY)) break;
    }
    yield heard(true);
  } finally {
    if (signal.aborted) seen.aborted++;
    seen.ended++;
  }
}

const engine: Engine = {
  name: 'fake',
  families: ['fake'],
  availability: async () => ({ available: true }),
  describe: () => capabilities,
  readablePaths: () => [],
  async open(model): Promise<LoadedModel> {
    const { load, loadMs = 0, concurrency = 1 } = model.options;
    await sleep(Number(loadMs));
    if (load === 'refuse') throw new SpeechError('model_unavailable', 'The model file is broken.');
    if (load === 'exit') process.exit(255);
    return { capabilities, concurrency: Number(concurrency), speak, listen, close: async () => {} };
  },
};

serveEngine(async () => engine);
