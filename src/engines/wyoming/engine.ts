import { readFile } from 'node:fs/promises';
import { SpeechError } from '../../errors.ts';
import type { Capabilities, Engine, OpenModel, Voice } from '../contract.ts';
import { serverAddress } from './address.ts';
import { RemoteModel } from './model.ts';

/** What servers of this kind usually speak at; what they really speak at comes with their audio. */
const USUAL_RATE = 22_050;
/** Most servers hear one short utterance at a time. */
const MAX_AUDIO_MS = 30_000;
const CONCURRENCY = 4;
const THIS_MACHINE: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

/**
 * Any Wyoming server as a model: `asr` hears and `tts` speaks. The manifest's options say where it is (`host`, `port`,
 * `tls`), what it calls its recogniser (`model`), how many calls it works on at once (`concurrency`), and whether it is
 * to be sent audio while somebody speaks (`listen`).
 */
export const engine: Engine = {
  name: 'wyoming',
  families: ['asr', 'tts'],

  // Known from the manifest alone, and not here: which server it is differs from model to model.
  async availability() {
    return { available: true };
  },

  describe: capabilitiesOf,

  readablePaths() {
    return [];
  },

  // Nothing is asked of the server yet: one that is away for a while must not take its model away for longer.
  async open(model) {
    const address = serverAddress(model.options);
    if (typeof address === 'string') {
      throw new SpeechError('model_unavailable', `The model ${model.id} cannot be opened: ${address}.`);
    }
    const { ca, key } = model.assets;
    if (key !== undefined && !address.tls && !THIS_MACHINE.has(address.host)) {
      const reason = 'its key would cross the network in the open (set its option tls)';
      throw new SpeechError('model_unavailable', `The model ${model.id} cannot be opened: ${reason}.`);
    }
    const { model: name, concurrency } = model.options;
    return new RemoteModel({
      server: {
        ...address,
        ca: ca === undefined ? undefined : await readFile(ca),
        key: key === undefined ? undefined : (await readFile(key, 'utf8')).trim(),
      },
      capabilities: capabilitiesOf(model),
      voices: voicesOf(model),
      languages: model.languages,
      remoteModel: typeof name === 'string' && name !== '' ? name : undefined,
      concurrency: Number.isInteger(concurrency) && Number(concurrency) >= 1 ? Number(concurrency) : CONCURRENCY,
    });
  },
};

function capabilitiesOf(model: OpenModel): Capabilities {
  const { family, languages, options } = model;
  if (family === 'tts') {
    return {
      speak: {
        voices: voicesOf(model),
        languages,
        sampleRate: model.sampleRate ?? USUAL_RATE,
        ...{ speed: null, pitch: null, phonemes: null, instructions: false, wordMarks: false },
      },
    };
  }
  const hears = { languages, detectsLanguage: true, wordTimes: false, confidence: false };
  return {
    transcribe: { ...hears, translate: false, maxAudioMs: MAX_AUDIO_MS },
    ...(options.listen === true ? { listen: hears } : {}),
  };
}

/** A voice's `speaker` is what the server calls it. Without a voice, there is the server's own. */
function voicesOf({ voices, languages }: OpenModel): readonly Voice[] {
  if (voices.length === 0) return [{ id: 'default', name: 'Default', language: languages[0] ?? 'en' }];
  return voices.map((voice) => ({ ...voice, speaker: voice.speaker ?? voice.id }));
}
