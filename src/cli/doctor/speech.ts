import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AudioChunk } from '../../audio/contract.ts';
import { fromS16le } from '../../audio/pcm.ts';
import type { Settings } from '../../config/kinds.ts';
import { engineNames, loadEngine } from '../../engines/index.ts';
import { engineOptions } from '../../models/engine-options.ts';
import { OwnBackend } from '../backend/own-backend.ts';
import { duration } from '../terminal/output.ts';
import { checkFormats, fileOf } from './formats.ts';
import type { Finding } from './report.ts';

const SENTENCE = 'The quick brown fox jumps over the lazy dog.';
/** `pcm` has this rate whatever the voice's own is. */
const PCM_RATE = 24_000;

/** Looks at engines and models, speaks, encodes and decodes in every format, and listens to what was spoken. */
export async function* checkSpeech(settings: Settings, signal: AbortSignal): AsyncGenerator<Finding> {
  for (const name of engineNames) yield await checkEngine(name, settings);
  let backend: OwnBackend;
  try {
    backend = await OwnBackend.open(settings);
  } catch (error) {
    yield { area: 'model', name: 'catalogue', state: 'failed', says: (error as Error).message };
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'open-speech-doctor-'));
  try {
    yield* checkModels(backend);
    const spoken = await checkSpeaking(backend, signal);
    yield spoken.finding;
    yield* checkFormats(backend.service, spoken.audio, folder, signal);
    if (settings.sttEnabled) yield await checkHearing(backend, fileOf(folder, 'wav'), signal);
  } finally {
    await backend.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkEngine(name: string, settings: Settings): Promise<Finding> {
  const common = { area: 'engine', name } as const;
  try {
    const { available, reason, remedy } = await (await loadEngine(name)).availability(
      engineOptions(settings)[name] ?? {},
    );
    if (available) return { ...common, state: 'ok', says: 'can be used' };
    return { ...common, state: 'note', says: reason ?? 'cannot be used', ...(remedy === undefined ? {} : { remedy }) };
  } catch (error) {
    return { ...common, state: 'failed', says: (error as Error).message };
  }
}

function* checkModels({ service }: OwnBackend): Generator<Finding> {
  const { catalog, names } = service;
  for (const model of catalog.list()) {
    const { id, kind, languages } = model.manifest;
    const work = kind === 'tts' ? 'speaks' : 'hears';
    const range = languages.length === 1 ? languages[0]! : `${languages.length} languages`;
    const role = names.default(kind) === model ? ', the default' : '';
    yield model.available
      ? { area: 'model', name: id, state: 'ok', says: `${work} ${range}${role}` }
      : { area: 'model', name: id, state: 'note', says: `cannot be used: ${model.reason}` };
  }
  for (const says of catalog.problems) yield { area: 'model', name: 'left out', state: 'note', says };
}

/** Speaks the sentence with the default voice. Where that fails, a tone takes its place in the checks that follow. */
async function checkSpeaking(
  backend: OwnBackend,
  signal: AbortSignal,
): Promise<{ finding: Finding; audio: AudioChunk }> {
  const common = { area: 'speech', name: 'speaking' } as const;
  const startedAt = performance.now();
  try {
    const { bytes, model, voice } = await backend.speak({
      ...{ input: SENTENCE, inputFormat: 'text', format: 'pcm', signal },
    });
    const chunks: Uint8Array[] = [];
    let firstMs = 0;
    for await (const chunk of bytes) {
      firstMs ||= performance.now() - startedAt;
      chunks.push(chunk);
    }
    const audio = { pcm: fromS16le(Buffer.concat(chunks)), sampleRate: PCM_RATE };
    const length = duration((audio.pcm.length / PCM_RATE) * 1000);
    const says = `${model}, voice ${voice}: ${length} of audio, the first after ${duration(firstMs)}`;
    return { finding: { ...common, state: 'ok', says, ms: performance.now() - startedAt }, audio };
  } catch (error) {
    signal.throwIfAborted();
    return { finding: { ...common, state: 'failed', says: (error as Error).message }, audio: tone() };
  }
}

/** Half of the words heard again shows that everything works together; how good a model is, is another question. */
const ENOUGH = 0.5;

async function checkHearing(backend: OwnBackend, path: string, signal: AbortSignal): Promise<Finding> {
  const common = { area: 'speech', name: 'hearing' } as const;
  const model = backend.service.names.default('stt');
  if (model === undefined) {
    const known = backend.service.catalog.list().find(({ manifest }) => manifest.kind === 'stt');
    const remedy = known?.remedy === undefined ? {} : { remedy: known.remedy };
    return { ...common, state: 'note', says: 'there is no recogniser; everything else works without', ...remedy };
  }
  const startedAt = performance.now();
  try {
    let text = '';
    const recording = { name: 'the sentence', path };
    for await (const piece of backend.transcribe({ recording, format: 'text', signal, onProgress: () => {} })) {
      text += piece;
    }
    const heard = new Set(wordsOf(text));
    const wanted = wordsOf(SENTENCE);
    const share = wanted.filter((word) => heard.has(word)).length / wanted.length;
    const says = `${model.manifest.id} heard "${text}"`;
    return { ...common, state: share >= ENOUGH ? 'ok' : 'note', says, ms: performance.now() - startedAt };
  } catch (error) {
    signal.throwIfAborted();
    return { ...common, state: 'failed', says: `${model.manifest.id}: ${(error as Error).message}` };
  }
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[a-z]+/g) ?? [];
}

/** One second at 440 Hz. */
function tone(): AudioChunk {
  const pcm = Float32Array.from({ length: PCM_RATE }, (_, i) => 0.3 * Math.sin((2 * Math.PI * 440 * i) / PCM_RATE));
  return { pcm, sampleRate: PCM_RATE };
}
