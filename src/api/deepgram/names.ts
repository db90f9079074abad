import type { ModelInfo } from '../../deepgram/messages.ts';
import { SpeechError } from '../../errors.ts';
import type { Names } from '../../models/names.ts';

/** Deepgram's own recognisers; each stands for this server's default. */
const STOCK_EAR = /^(nova|enhanced|base|whisper|general|flux|polaris|2-)/;
/** Deepgram's own voices. */
const STOCK_VOICE = /^aura\b/;

/** The recogniser that a client names, by its id; undefined for the default. Throws `model_not_found`. */
export function earOf(names: Names, name: string | undefined): string | undefined {
  if (name === undefined || (STOCK_EAR.test(name) && names.find(name) === undefined)) return undefined;
  return names.model('stt', name).manifest.id;
}

/**
 * The model and the voice that a client means by one name: Deepgram's own stand for the defaults; else it is a model of
 * this server, or a voice of its default one. Throws `voice_not_found` with those that there are.
 */
export function voiceOf(names: Names, name: string | undefined): { model: string; voice: string | undefined } {
  const fallback = (): string => names.model('tts', undefined).manifest.id;
  if (name === undefined || STOCK_VOICE.test(name)) return { model: fallback(), voice: undefined };
  if (names.find(name)?.manifest.kind === 'tts')
    return { model: names.model('tts', name).manifest.id, voice: undefined };
  const model = names.model('tts', undefined);
  try {
    return { model: model.manifest.id, voice: names.voice(model, name, undefined) };
  } catch (thrown) {
    const { message } = SpeechError.from(thrown);
    throw new SpeechError('voice_not_found', message, { param: 'model' });
  }
}

export function modelInfoOf(names: Names, id: string): ModelInfo {
  const manifest = names.find(id)?.manifest;
  return { id, revision: manifest?.revision ?? '', family: manifest?.family ?? '' };
}
