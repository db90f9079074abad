/** An engine process for the tests of `workers/`: does what the text of a request says, or misbehaves when told to. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Capabilities, Engine, LoadedModel, SpeakChunk, SpeakRequest } from '../../../src/engines/contract.ts';
import { SpeechError } from '../../../src/errors.ts';
import { serveEngine } from '../../../src/workers/local/serve-engine.ts';
import type { FakeText } from '../fake-engine.ts';

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
    return { capabilities, concurrency: Number(concurrency), speak, close: async () => {} };
  },
};

serveEngine(async () => engine);
