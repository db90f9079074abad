import { encodeEvent } from '../engines/wyoming/framing.ts';
import type { CatalogModel } from '../models/catalog.ts';
import { availableModels, type Models, voiceName } from './choice.ts';

export interface InfoOptions extends Models {
  version: string;
  /** The end of speech is found here. */
  endpointing: boolean;
}

/** Clients show who made a program or a model; both keys are required. */
const OURS = { name: 'Open Speech', url: '' };

/**
 * Makes the answer to `describe`: one program that hears and one that speaks, because Home Assistant takes the first of
 * each, with every model and voice that works on this machine. It is put together anew only when the models changed,
 * so that whoever asks twice a minute, or a thousand times a second, costs nothing.
 */
export function infoMaker(options: InfoOptions): () => Buffer {
  let made: { of: readonly CatalogModel[]; event: Buffer } | undefined;
  return () => {
    const models = options.catalog.list();
    const same = made?.of.length === models.length && made.of.every((model, index) => model === models[index]);
    if (made === undefined || !same) made = { of: models, event: encodeEvent('info', info(options)) };
    return made.event;
  };
}

function info(options: InfoOptions): object {
  const program = { name: 'open-speech', attribution: OURS, installed: true, version: options.version };
  const ears = availableModels(options, 'stt').map(recogniser);
  const voices = availableModels(options, 'tts').flatMap(voicesOf);
  const asr = {
    ...{ ...program, description: 'Speech recognition', models: ears },
    ...{ supports_transcript_streaming: true, requires_external_vad: !options.endpointing },
  };
  const tts = { ...program, description: 'Speech', voices, supports_synthesize_streaming: true };
  return {
    asr: ears.length === 0 ? [] : [asr],
    tts: voices.length === 0 ? [] : [tts],
    ...{ handle: [], intent: [], wake: [], mic: [], snd: [] },
  };
}

function recogniser(model: CatalogModel): object {
  const { languages } = (model.capabilities.listen ?? model.capabilities.transcribe)!;
  const { id, description } = model.manifest;
  return { ...common(model), name: id, description: description === '' ? id : description, languages };
}

function voicesOf(model: CatalogModel): object[] {
  const { id } = model.manifest;
  return model.capabilities.speak!.voices.map((voice) => ({
    ...common(model),
    name: voiceName(model, voice.id),
    // What people see in a list of voices.
    description: `${voice.name === '' ? voice.id : voice.name} (${id})`,
    languages: [voice.language],
  }));
}

function common({ manifest }: CatalogModel): object {
  return {
    attribution: { name: manifest.engine, url: '' },
    installed: true,
    version: manifest.revision,
  };
}
