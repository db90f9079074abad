import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, float, floats, Graph, INT64, int, ints } from './onnx.ts';
import { BLANK, CLASSES, classScores, NEARBY, onsets, overTime, tokens } from './tone-reading.ts';
import { MEL_BANDS, TONES } from './tones.ts';

/** Frames of 10 ms: what a step sees, and what it says something about. The rest is context before and after. */
const CONTEXT = NEARBY + 2;
const SHIFT = 24;
const WINDOW = CONTEXT + SHIFT + CONTEXT;
/** sherpa-onnx reckons times of streaming CTC models with this many frames to a step of the output. */
const SUBSAMPLING = 4;

/**
 * Builds a streaming NeMo CTC model that reads the tone voice while it speaks, 240 ms at a time. Exact up to speed 1:
 * beyond, doubled letters come closer than the 40 ms steps of its output can tell apart.
 */
export async function buildStreamingToneRecogniser(folder: string): Promise<ModelManifest> {
  return modelManifestSchema.parse({
    id: 'tone-streaming',
    kind: 'stt',
    engine: 'sherpa',
    family: 'streaming-nemo-ctc',
    files: await writeFiles(folder, { 'model.onnx': model(), 'tokens.txt': tokens }),
    assets: { model: 'model.onnx', tokens: 'tokens.txt' },
    revision: 'built',
    licence: 'MIT',
    languages: ['en'],
    description: 'Reads the tones of the tone voice back into characters while they sound.',
  });
}

function model(): Uint8Array {
  const graph = new Graph();
  const signal = graph.input('audio_signal', FLOAT, ['batch', MEL_BANDS, WINDOW]);
  const length = graph.input('length', INT64, ['batch']);
  const caches = ['channel', 'time'].map((name) => graph.input(`cache_last_${name}`, FLOAT, ['batch', 1, 1, 1]));
  const steps = graph.input('cache_last_channel_len', INT64, ['batch']);

  const features = graph.node('Transpose', [signal], { perm: [0, 2, 1] });
  // Streaming recognisers get Kaldi's features, those of NeMo too.
  const begins = onsets(graph, classScores(graph, features, { scale: 'htk', from: 20, to: 7600 }));
  // The first step has nothing before it, so it speaks about its whole beginning.
  const isFirst = graph.node('Equal', [graph.node('Reshape', [steps, ints([1])]), int(0)]);
  const from = graph.node('Where', [isFirst, ints([0]), ints([CONTEXT])]);
  const spoken = graph.node('Slice', [begins, from, ints([CONTEXT + SHIFT]), ints([1])]);
  const slow = overTime(graph, 'MaxPool', spoken, { kernel_shape: [SUBSAMPLING], strides: [SUBSAMPLING] });
  const unsure = floats(Array.from({ length: CLASSES }, (_, index) => (index === BLANK ? 5 : 0)));
  const logits = graph.node('Add', [graph.node('Mul', [slow, float(10)]), unsure]);

  graph.output('logprobs', graph.node('LogSoftmax', [logits], { axis: 2 }), FLOAT, ['batch', 'steps', CLASSES]);
  graph.output('encoded_lengths', length, INT64, ['batch']);
  for (const [index, cache] of caches.entries()) graph.output(`next_${index}`, cache, FLOAT, ['batch', 1, 1, 1]);
  graph.output('next_len', graph.node('Add', [steps, int(1)]), INT64, ['batch']);
  return graph.toModel({
    model_type: 'EncDecCTCModelBPE',
    window_size: WINDOW,
    chunk_shift: SHIFT,
    subsampling_factor: SUBSAMPLING,
    vocab_size: TONES.length,
    ...Object.fromEntries(
      ['channel', 'time'].flatMap((name) => [1, 2, 3].map((dim) => [`cache_last_${name}_dim${dim}`, 1])),
    ),
  });
}
