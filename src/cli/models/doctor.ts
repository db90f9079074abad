import type { Settings } from '../../config/kinds.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import type { SpeechService } from '../../speech/service.ts';
import type { CallContext } from '../../workers/contract.ts';
import { openOwnLibrary } from '../backend/model-shop.ts';
import { OwnBackend } from '../backend/own-backend.ts';
import { explain } from '../explain.ts';
import type { ModelsOptions } from '../models.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { duration, printable, printJson, size, table } from '../terminal/output.ts';
import { showProgress } from '../terminal/progress.ts';

/** What the examination of one model found. `-` stands for what was not looked at. */
interface Finding {
  model: string;
  ok: boolean;
  files: string;
  engine: string;
  loads: string;
  answers: string;
  /** What is wrong, and what mends it. */
  problem?: string;
}

const UNSEEN = { files: '-', engine: '-', loads: '-', answers: '-' };
const SAMPLE_RATE = 16_000;
const SENTENCE = 'One, two, three.';

/**
 * `models doctor`: checks of every model, or of those named, that its files are right, that its engine is there, that
 * it loads and that it answers. Works in this process, one model at a time. Ends with 1 where one cannot be used that
 * somebody added or named.
 */
export async function examine(words: readonly string[], settings: Settings, { json }: ModelsOptions): Promise<number> {
  const library = await openOwnLibrary(settings);
  const backend = await OwnBackend.open(settings);
  const { service } = backend;
  let now = 'looking';
  const progress = showProgress(() => now);
  try {
    return await interruptible(async (signal) => {
      const named = words.map((name) => {
        const model = service.names.find(name);
        if (model === undefined) throw new Error(`there is no model '${name}' here`);
        return model;
      });
      const findings: Finding[] = [];
      for (const model of words.length === 0 ? service.catalog.list() : named) {
        signal.throwIfAborted();
        now = `${model.manifest.id}: being examined`;
        const verify = async (): Promise<string> => {
          const [result] = await library.store.verify([model.manifest.id], { signal });
          const problem = result?.problems.map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`))[0];
          if (problem !== undefined) throw new Error(problem);
          return size(result?.bytes ?? 0);
        };
        findings.push(await examineOne(service, model, verify, signal));
      }
      progress.end();
      if (json) printJson(findings);
      else process.stdout.write(printable(report(findings)));
      const counts = ({ model }: Finding): boolean => words.length > 0 || !service.catalog.get(model)!.packaged;
      return findings.some((finding) => !finding.ok && counts(finding)) ? 1 : 0;
    });
  } finally {
    progress.end();
    await backend.close();
    await library.close();
  }
}

async function examineOne(
  service: SpeechService,
  model: CatalogModel,
  verify: () => Promise<string>,
  signal: AbortSignal,
): Promise<Finding> {
  const { id } = model.manifest;
  const finding: Finding = { model: id, ok: false, ...UNSEEN };
  let looking: keyof typeof UNSEEN = 'files';
  try {
    finding.files = model.packaged ? 'packaged' : await verify();
    looking = 'engine';
    if (!model.available) throw new Error([model.reason, model.remedy].filter(Boolean).join('. Get it with: '));
    finding.engine = model.manifest.engine;
    looking = 'loads';
    const startedAt = performance.now();
    await service.worker.load(id);
    finding.loads = duration(performance.now() - startedAt);
    looking = 'answers';
    finding.answers = await ask(service, model, signal);
    finding.ok = true;
  } catch (error) {
    signal.throwIfAborted();
    finding[looking] = 'no';
    finding.problem = explain(error).message ?? 'failed';
  }
  await service.worker.unload(id).catch(() => {});
  return finding;
}

/** Asks for the first thing that a model can do, and says how long that took. */
async function ask(
  { router, names, settings }: SpeechService,
  model: CatalogModel,
  signal: AbortSignal,
): Promise<string> {
  const { id } = model.manifest;
  const can = router.capabilities(id) ?? model.capabilities;
  const context: CallContext = {
    ...{ requestId: 'doctor', caller: 'command', lane: 'interactive', signal, cost: 1000 },
    timeoutMs: settings.limits.requestTimeoutMs,
  };
  const pcm = quietNoise();
  const startedAt = performance.now();
  const took = (): string => duration(performance.now() - startedAt);
  if (can.speak !== undefined) {
    const request = { text: SENTENCE, voice: names.voice(model, undefined, undefined), speed: 1 };
    let samples = 0;
    let sampleRate = 1;
    for await (const chunk of router.call('speak', id, request, context)) {
      samples += chunk.pcm.length;
      sampleRate = chunk.sampleRate;
    }
    return `${duration((samples / sampleRate) * 1000)} of sound in ${took()}`;
  }
  if (can.transcribe !== undefined) for await (const _ of router.call('transcribe', id, { pcm }, context));
  else if (can.listen !== undefined) for await (const _ of router.call('listen', id, {}, context, once(pcm)));
  else if (can.detectSpeech) for await (const _ of router.call('detectSpeech', id, { pcm }, context));
  else if (can.denoise) for await (const _ of router.call('denoise', id, { pcm }, context));
  else if (can.embedSpeaker) for await (const _ of router.call('embedSpeaker', id, { pcm }, context));
  else if (can.identifyLanguage) for await (const _ of router.call('identifyLanguage', id, { pcm }, context));
  else if (can.judgeTurn) for await (const _ of router.call('judgeTurn', id, { pcm }, context));
  else if (can.punctuate) for await (const _ of router.call('punctuate', id, { text: 'one two three' }, context));
  // Telling speakers apart takes two models together.
  else return 'not alone';
  return `in ${took()}`;
}

async function* once(pcm: Float32Array): AsyncGenerator<Float32Array> {
  yield pcm;
}

/** A second without speech that is not all zeros. */
function quietNoise(): Float32Array {
  return Float32Array.from({ length: SAMPLE_RATE }, (_, i) => 0.001 * Math.sin(i * i));
}

function report(findings: readonly Finding[]): string {
  const rows = findings.map(({ model, files, engine, loads, answers }) => [model, files, engine, loads, answers]);
  const problems = findings.filter(({ problem }) => problem !== undefined);
  return (
    table([['MODEL', 'FILES', 'ENGINE', 'LOADS', 'ANSWERS'], ...rows]) +
    problems.map(({ model, problem }) => `\n${model}: ${problem}\n`).join('')
  );
}
