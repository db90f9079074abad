import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, float, floats, Graph, INT32, INT64, ints } from './onnx.ts';
import { BLANK, CLASSES, classScores, onsets, tokens } from './tone-reading.ts';
import { MEL_BANDS, TONES } from './tones.ts';

/** Frames that a step may skip: none, or one. */
const DURATIONS = 2;
const HIDDEN = 1;

/**
 * Builds a NeMo TDT transducer, the kind that Parakeet is, that reads the tone voice back like the tone recogniser and
 * tells durations and probabilities too. Its encoder does all the work: it says each character in the frame in which
 * it begins; the decoder and the joiner pass that on.
 */
export async function buildToneTransducer(folder: string): Promise<ModelManifest> {
  const files = { 'encoder.onnx': encoder(), 'decoder.onnx': decoder(), 'joiner.onnx': joiner(), 'tokens.txt': tokens };
  return modelManifestSchema.parse({
    id: 'tone-transducer',
    kind: 'stt',
    engine: 'sherpa',
    family: 'nemo-transducer',
    files: await writeFiles(folder, files),
    assets: { encoder: 'encoder.onnx', decoder: 'decoder.onnx', joiner: 'joiner.onnx', tokens: 'tokens.txt' },
    revision: 'built',
    licence: 'MIT',
    languages: ['en'],
    description: 'Reads the tones of the tone voice back into characters, with probabilities.',
  });
}

function encoder(): Uint8Array {
  const graph = new Graph();
  const signal = graph.input('audio_signal', FLOAT, ['batch', MEL_BANDS, 'frames']);
  const length = graph.input('length', INT64, ['batch']);
  const features = graph.node('Transpose', [signal], { perm: [0, 2, 1] });
  // sherpa-onnx computes the features of NeMo transducers up to 7 600 Hz.
  const begins = onsets(graph, classScores(graph, features, { scale: 'slaney', from: 0, to: 7600 }));
  const unsure = floats(Array.from({ length: CLASSES }, (_, index) => (index === BLANK ? 5 : 0)));
  const logits = graph.node('Add', [graph.node('Mul', [begins, float(10)]), unsure]);
  const outputs = graph.node('Transpose', [logits], { perm: [0, 2, 1] });
  graph.output('outputs', outputs, FLOAT, ['batch', CLASSES, 'frames']);
  graph.output('encoded_lengths', length, INT64, ['batch']);
  return graph.toModel({
    model_type: 'EncDecRNNTBPEModel',
    // The three letters by which sherpa-onnx knows that the joiner gives durations too.
    url: 'tdt',
    vocab_size: TONES.length,
    subsampling_factor: 1,
    normalize_type: '',
    pred_rnn_layers: 1,
    pred_hidden: HIDDEN,
    feat_dim: MEL_BANDS,
  });
}

function decoder(): Uint8Array {
  const graph = new Graph();
  const targets = graph.input('targets', INT32, ['batch', 'tokens']);
  const length = graph.input('target_length', INT32, ['batch']);
  const states = ['states.1', 'states.2'].map((name) => graph.input(name, FLOAT, [1, 'batch', HIDDEN]));
  const output = graph.node('Unsqueeze', [graph.node('Cast', [targets], { to: FLOAT }), ints([1])]);
  graph.output('outputs', output, FLOAT, ['batch', HIDDEN, 'tokens']);
  graph.output('prednet_lengths', length, INT32, ['batch']);
  for (const [index, state] of states.entries()) graph.output(`next.${index}`, state, FLOAT, [1, 'batch', HIDDEN]);
  return graph.toModel({});
}

function joiner(): Uint8Array {
  const graph = new Graph();
  const encoded = graph.input('encoder_outputs', FLOAT, ['batch', CLASSES, 1]);
  graph.input('decoder_outputs', FLOAT, ['batch', HIDDEN, 1]);
  const logits = graph.node('Unsqueeze', [graph.node('Transpose', [encoded], { perm: [0, 2, 1] }), ints([1])]);
  const durations = floats([0, 1], [1, 1, 1, DURATIONS]);
  graph.output('outputs', graph.node('Concat', [logits, durations], { axis: 3 }), FLOAT, [
    1,
    1,
    1,
    CLASSES + DURATIONS,
  ]);
  return graph.toModel({});
}
