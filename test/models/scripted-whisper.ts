import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, floats, Graph, INT64, int, ints } from './onnx.ts';

/** Whisper's vocabulary in small: a word for each language and each task, then the special tokens. */
const LANGUAGES = ['en', 'de', 'fr'];
const WORDS = [...LANGUAGES.map((code) => ` ${code}`), ' transcribed', ' translated'];
const EOT = WORDS.length;
const SOT = EOT + 1;
const FIRST_LANGUAGE = SOT + 1;
const TRANSCRIBE = FIRST_LANGUAGE + LANGUAGES.length;
const TRANSLATE = TRANSCRIBE + 1;
const NO_TIMESTAMPS = TRANSLATE + 1;
/** The token for 0.00 s; one more for each 20 ms up to 30 s. */
const TIMESTAMPS = NO_TIMESTAMPS + 1;
const VOCABULARY = TIMESTAMPS + 1501;
const CONTEXT = 16;
/** What it finds when nobody says the language. */
export const DETECTED = 'fr';

/**
 * Builds a Whisper model that hears nothing and says what it was told: its text is the language and the task of the
 * request, in one segment from 0.2 s to 0.5 s where it is asked for segments. It shows that requests reach the model.
 */
export async function buildScriptedWhisper(folder: string): Promise<ModelManifest> {
  const tokens = [...WORDS, '<|endoftext|>'].map((word, id) => `${Buffer.from(word).toString('base64')} ${id}\n`);
  return modelManifestSchema.parse({
    id: 'scripted-whisper',
    kind: 'stt',
    engine: 'sherpa',
    family: 'whisper',
    files: await writeFiles(folder, {
      'encoder.onnx': encoder(),
      'decoder.onnx': decoder(),
      'tokens.txt': tokens.join(''),
    }),
    assets: { encoder: 'encoder.onnx', decoder: 'decoder.onnx', tokens: 'tokens.txt' },
    revision: 'built',
    licence: 'MIT',
    languages: LANGUAGES,
    description: 'Repeats the language and the task it was asked for.',
  });
}

function encoder(): Uint8Array {
  const graph = new Graph();
  const mel = graph.input('mel', FLOAT, [1, 80, 'frames']);
  const cross = graph.node('Reshape', [
    graph.node('ReduceMean', [mel], { axes: [1], keepdims: 1 }),
    ints([1, 1, -1, 1]),
  ]);
  for (const name of ['n_layer_cross_k', 'n_layer_cross_v']) graph.output(name, cross, FLOAT, [1, 1, 'frames', 1]);
  return graph.toModel({
    model_type: 'whisper-scripted',
    n_mels: 80,
    n_text_layer: 1,
    n_text_ctx: CONTEXT,
    n_text_state: 1,
    n_vocab: VOCABULARY,
    sot: SOT,
    eot: EOT,
    blank_id: EOT,
    translate: TRANSLATE,
    transcribe: TRANSCRIBE,
    is_multilingual: 1,
    no_timestamps: NO_TIMESTAMPS,
    no_speech: EOT,
    sot_sequence: [SOT, FIRST_LANGUAGE, TRANSCRIBE].join(','),
    all_language_tokens: LANGUAGES.map((_, index) => FIRST_LANGUAGE + index).join(','),
    all_language_codes: LANGUAGES.join(','),
  });
}

/** Keeps the tokens it was given in its cache and reads the next one from a script by its position. */
function decoder(): Uint8Array {
  const graph = new Graph();
  const tokens = graph.input('tokens', INT64, [1, 'given']);
  const cacheShape = [1, 1, CONTEXT, 1];
  const cache = graph.input('in_n_layer_self_k_cache', FLOAT, cacheShape);
  const otherCache = graph.input('in_n_layer_self_v_cache', FLOAT, cacheShape);
  for (const name of ['n_layer_cross_k', 'n_layer_cross_v']) graph.input(name, FLOAT, [1, 1, 'frames', 1]);
  const offset = graph.input('offset', INT64, [1]);

  const count = graph.node('Gather', [graph.node('Shape', [tokens]), int(1)]);
  const end = graph.node('Add', [offset, count]);
  const at = graph.node('Add', [graph.node('Range', [int(0), count, int(1)]), offset]);
  const where = graph.node('OneHot', [at, int(CONTEXT), floats([0, 1])], { axis: 0 });
  const column = graph.node('Cast', [graph.node('Reshape', [tokens, ints([-1, 1])])], { to: FLOAT });
  const added = graph.node('Reshape', [graph.node('MatMul', [where, column]), ints(cacheShape)]);
  const seen = graph.node('Add', [cache, added]);
  const history = graph.node('Cast', [graph.node('Reshape', [seen, ints([-1])])], { to: INT64 });
  const pick = (position: number) => graph.node('Gather', [history, ints([position])]);

  const language = graph.node('Sub', [pick(1), int(FIRST_LANGUAGE)]);
  const task = graph.node('Add', [graph.node('Sub', [pick(2), int(TRANSCRIBE)]), int(LANGUAGES.length)]);
  const token = (id: number) => graph.constant(ints([id]));
  const plain = [language, task, token(EOT)];
  const timed = [token(TIMESTAMPS + 10), language, task, token(TIMESTAMPS + 25), token(EOT)];
  const detected = token(FIRST_LANGUAGE + LANGUAGES.indexOf(DETECTED));
  // By the number of tokens so far: after the start alone, the language; after the start, the language and the task,
  // the words, with times unless the fourth token forbids them.
  const script = (from: number, words: string[]) => {
    const rest = Array.from({ length: CONTEXT + 1 - from - words.length }, () => token(EOT));
    return graph.node('Concat', [...Array.from({ length: from }, () => detected), ...words, ...rest], { axis: 0 });
  };
  const untimed = graph.node('Equal', [pick(3), int(NO_TIMESTAMPS)]);
  const scripts = graph.node('Where', [untimed, script(4, plain), script(3, timed)]);
  const next = graph.node('Gather', [scripts, end]);

  const logits = graph.node('OneHot', [next, int(VOCABULARY), floats([0, 10])], { axis: 1 });
  const shape = graph.node('Concat', [ints([1]), graph.node('Reshape', [count, ints([1])]), ints([VOCABULARY])], {
    axis: 0,
  });
  graph.output('logits', graph.node('Expand', [logits, shape]), FLOAT, [1, 'given', VOCABULARY]);
  graph.output('out_n_layer_self_k_cache', seen, FLOAT, cacheShape);
  graph.output('out_n_layer_self_v_cache', otherCache, FLOAT, cacheShape);
  return graph.toModel({});
}
