import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, float, floats, Graph, INT64, ints } from './onnx.ts';
import { MEL_BANDS, TONES } from './tones.ts';
import { addWork } from './work.ts';

export interface ToneRecogniserOptions {
  /** Model id; default `tone-recogniser`. */
  id?: string;
  /** Makes it as slow as a neural recogniser: 10⁹ operations for each second of audio. Default none. */
  gigaflopPerSecond?: number;
}

const FRAMES_PER_SECOND = 100;
/** How far two tones together must stand out of the spectrum, in nepers of power, to be a character. */
const CONTRAST = 6;
/** How far they may fall below their loudest moment nearby and still be the same character. */
const FADE = 3.5;
/** Frames to either side in which that moment is looked for. */
const NEARBY = 6;

/**
 * Builds a NeMo CTC model that sherpa-onnx loads like any other and that reads the tone voice back, letter for
 * letter, at any loudness. Each frame scores every character by the energy in its two bands; the blank wins where
 * nothing stands out and in the pauses, which is what tells a doubled letter from one long one.
 */
export async function buildToneRecogniser(folder: string, options: ToneRecogniserOptions = {}): Promise<ModelManifest> {
  const { id = 'tone-recogniser', gigaflopPerSecond = 0 } = options;
  const graph = new Graph();
  const features = graph.input('audio_signal', FLOAT, ['batch', MEL_BANDS, 'frames']);
  graph.input('length', INT64, ['batch']);

  const bands = graph.node('Transpose', [features], { perm: [0, 2, 1] });
  const weights = new Float32Array(MEL_BANDS * TONES.length);
  TONES.forEach((tone, index) => {
    weights[tone.lowBand * TONES.length + index] = 1;
    weights[tone.highBand * TONES.length + index] = 1;
  });
  const scores = graph.node('MatMul', [bands, floats(weights, [MEL_BANDS, TONES.length])]);

  const average = graph.node('ReduceMean', [bands], { axes: [2], keepdims: 1 });
  let floor = graph.node('Add', [graph.node('Mul', [average, float(2)]), float(CONTRAST)]);
  if (gigaflopPerSecond > 0) floor = addWorkPerFrame(graph, floor, gigaflopPerSecond / FRAMES_PER_SECOND);

  const loudest = graph.node('Transpose', [graph.node('ReduceMax', [scores], { axes: [2], keepdims: 1 })], {
    perm: [0, 2, 1],
  });
  const peak = graph.node('MaxPool', [loudest], { kernel_shape: [2 * NEARBY + 1], pads: [NEARBY, NEARBY] });
  const faded = graph.node('Sub', [graph.node('Transpose', [peak], { perm: [0, 2, 1] }), float(FADE)]);
  const blank = graph.node('Max', [floor, faded]);

  const logits = graph.node('Concat', [scores, blank], { axis: 2 });
  const logProbabilities = graph.node('LogSoftmax', [logits], { axis: 2 });
  graph.output('logprobs', logProbabilities, FLOAT, ['batch', 'frames', TONES.length + 1]);

  const model = graph.toModel({
    model_type: 'EncDecCTCModelBPE',
    vocab_size: TONES.length,
    subsampling_factor: 1,
    normalize_type: '',
  });
  const symbols = [...TONES.map(({ character }) => (character === ' ' ? '▁' : character)), '<blk>'];
  return modelManifestSchema.parse({
    id,
    kind: 'stt',
    engine: 'sherpa',
    family: 'nemo-ctc',
    files: await writeFiles(folder, {
      'model.onnx': model,
      'tokens.txt': symbols.map((symbol, index) => `${symbol} ${index}\n`).join(''),
    }),
    assets: { model: 'model.onnx', tokens: 'tokens.txt' },
    revision: 'built',
    licence: 'MIT',
    languages: ['en'],
    description: 'Reads the tones of the tone voice back into characters.',
  });
}

/** `value` is [batch, frames, 1]; the work wants rows. */
function addWorkPerFrame(graph: Graph, value: string, gigaflop: number): string {
  const rows = graph.node('Reshape', [value, ints([-1, 1])]);
  return graph.node('Reshape', [addWork(graph, rows, gigaflop, 2), graph.node('Shape', [value])]);
}
