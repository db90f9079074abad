import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, floats, Graph } from './onnx.ts';
import { nearestBand } from './tones.ts';

const RATE = 16_000;
const FRAME = 320;
const WINDOW_SECONDS = 10;
/** Hz. Above everything that the tone voice says, and whole numbers of waves in a frame. */
const MARKS = [5000, 6000, 7000];
/** Level of a mark beside a voice. */
const LEVEL = 0.05;
/** The power of a mark in a frame is (LEVEL × FRAME / 2)²; less than a quarter of that is none. */
const FLOOR = (LEVEL * FRAME) ** 2 / 16;
/** Bands of kaldi's features, as sherpa-onnx computes them for models that tell voices apart. */
const BANDS = { scale: 'htk', from: 20, to: 7600 } as const;

/** The recording as if this person had spoken it: every person has a tone of their own all the way. */
export function spokenBy(person: 0 | 1 | 2, pcm: Float32Array, sampleRate = RATE): Float32Array {
  const step = (2 * Math.PI * MARKS[person]!) / sampleRate;
  return pcm.map((sample, at) => sample + LEVEL * Math.sin(step * at));
}

/**
 * Builds a diarizer of two models that sherpa-onnx loads like pyannote's segmentation and a WeSpeaker model. It tells
 * people apart by their marks, in steps of 20 ms.
 */
export async function buildMarkDiarizer(folder: string, id = 'mark-diarizer'): Promise<ModelManifest> {
  return modelManifestSchema.parse({
    id,
    kind: 'diarization',
    engine: 'sherpa',
    family: 'pyannote',
    files: await writeFiles(folder, { 'segmentation.onnx': segmentation(), 'embedding.onnx': embedding() }),
    assets: { segmentation: 'segmentation.onnx', embedding: 'embedding.onnx' },
    revision: 'built',
    licence: 'MIT',
    languages: ['mul'],
    description: 'Tells people apart by tones.',
  });
}

/** Builds the second half alone. */
export async function buildMarkEmbedder(folder: string): Promise<ModelManifest> {
  return modelManifestSchema.parse({
    id: 'mark-embedder',
    kind: 'speaker-embedding',
    engine: 'sherpa',
    family: 'speaker-embedding',
    files: await writeFiles(folder, { 'model.onnx': embedding() }),
    assets: { model: 'model.onnx' },
    revision: 'built',
    licence: 'MIT',
    languages: ['mul'],
    description: 'Knows people by tones.',
  });
}

/** From ten seconds of sound to one score per frame for nobody, for each of three people, and for each pair of them. */
function segmentation(): Uint8Array {
  const graph = new Graph();
  const sound = graph.input('x', FLOAT, ['batch', 1, 'samples']);
  const waves = MARKS.flatMap((hz) => [Math.sin, Math.cos].map((wave) => ({ hz, wave })));
  const kernels = waves.flatMap(({ hz, wave }) =>
    Array.from({ length: FRAME }, (_, at) => wave((2 * Math.PI * hz * at) / RATE)),
  );
  const parts = graph.node('Conv', [sound, floats(kernels, [waves.length, 1, FRAME])], { strides: [FRAME] });
  const powers = graph.node('Transpose', [graph.node('Mul', [parts, parts])], { perm: [0, 2, 1] });
  const classes = 7;
  const sums = new Float32Array(waves.length * classes);
  for (const [index] of waves.entries()) sums[index * classes + 1 + (index >> 1)] = 1;
  const floor = floats([FLOOR, 0, 0, 0, -1, -1, -1]);
  const scores = graph.node('Add', [graph.node('MatMul', [powers, floats(sums, [waves.length, classes])]), floor]);
  graph.output('y', scores, FLOAT, ['batch', 'frames', classes]);
  return graph.toModel({
    model_type: 'pyannote-segmentation-3.0',
    sample_rate: RATE,
    window_size: WINDOW_SECONDS * RATE,
    receptive_field_size: FRAME,
    receptive_field_shift: FRAME,
    num_speakers: 3,
    powerset_max_classes: 2,
    num_classes: classes,
  });
}

/** From features to one number per person: near 1 for the one who speaks, near 0 for the others. */
function embedding(): Uint8Array {
  const graph = new Graph();
  const features = graph.input('feats', FLOAT, ['batch', 'frames', 80]);
  const picked = new Float32Array(80 * MARKS.length);
  for (const [person, hz] of MARKS.entries()) picked[nearestBand(BANDS, hz) * MARKS.length + person] = 1;
  const mean = graph.node('ReduceMean', [features], { axes: [1], keepdims: 0 });
  const levels = graph.node('MatMul', [mean, floats(picked, [80, MARKS.length])]);
  graph.output('embs', graph.node('Softmax', [levels], { axis: 1 }), FLOAT, ['batch', MARKS.length]);
  return graph.toModel({
    framework: 'wespeaker',
    language: 'English',
    sample_rate: RATE,
    output_dim: MARKS.length,
    normalize_samples: 1,
  });
}
