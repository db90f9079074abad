import { readFileSync } from 'node:fs';
import type { LoadedModel, OpenModel } from '../../src/engines/contract.ts';
import { loadEngine } from '../../src/engines/index.ts';
import type { BareResult, BareTask } from './bare.ts';

let model: LoadedModel | undefined;

process.on('message', async (message: OpenModel | BareTask) => {
  if ('engine' in message) {
    model = await (await loadEngine(message.engine)).open(message, { threads: 1 });
    process.send!('ready');
  } else process.send!(await work(model!, message));
});

async function work(loaded: LoadedModel, task: BareTask): Promise<BareResult> {
  const result: BareResult = { runs: [], audioMs: 0 };
  const { signal } = new AbortController();
  const until = performance.now() + (task.forMs ?? Number.POSITIVE_INFINITY);
  for (let i = 0; i < (task.times ?? Number.POSITIVE_INFINITY) && performance.now() < until; i++) {
    const began = performance.now();
    let firstMs = 0;
    let readMs = 0;
    if (task.speak !== undefined) {
      for await (const { pcm, sampleRate } of loaded.speak!({ ...task.speak, speed: 1 }, signal)) {
        firstMs ||= performance.now() - began;
        result.audioMs += (pcm.length / sampleRate) * 1000;
      }
    } else if (task.hear !== undefined) {
      const pcm = readPcm(task.hear.path);
      readMs = performance.now() - began;
      for await (const _ of loaded.transcribe!({ pcm }, signal)) firstMs ||= performance.now() - began;
      result.audioMs += pcm.length / 16;
    }
    const wholeMs = performance.now() - began;
    result.runs.push({ firstMs, wholeMs, engineMs: wholeMs - readMs });
  }
  return result;
}

/** The bare decode: samples behind a 44-byte header. */
function readPcm(path: string): Float32Array {
  const bytes = readFileSync(path);
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset + 44, (bytes.length - 44) >> 1);
  return Float32Array.from(samples, (sample) => sample / 32768);
}
