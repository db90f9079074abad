import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, Graph, INT64, ints } from './onnx.ts';
import { CLASSES, classScores, tokens } from './tone-reading.ts';
import { MEL_BANDS, NEMO_BANDS, TONES } from './tones.ts';
import { addWork } from './work.ts';

export interface ToneRecogniserOptions {
  /** Model id; default `tone-recogniser`. */
  id?: string;
  /** Makes it as slow as a neural recogniser: 10⁹ operations for each second of audio. Default none. */
  gigaflopPerSecond?: number;
}

const FRAMES_PER_SECOND = 100;

/**
 * Builds a NeMo CTC model that sherpa-onnx loads like any other and that reads the tone voice back, letter for
 * letter, at any pace from 0.25 to 4 and at any loudness. It hears nothing in silence and in noise.
 */
export async function buildToneRecogniser(folder: string, options: ToneRecogniserOptions = {}): Promise<ModelManifest> {
  const { id = 'tone-recogniser', gigaflopPerSecond = 0 } = options;
  const graph = new Graph();
  const signal = graph.input('audio_signal', FLOAT, ['batch', MEL_BANDS, 'frames']);
  graph.input('length', INT64, ['batch']);
  const features = graph.node('Transpose', [signal], { perm: [0, 2, 1] });
  const scores = classScores(graph, features, NEMO_BANDS, (floor) =>
    gigaflopPerSecond > 0 ? addWorkPerFrame(graph, floor, gigaflopPerSecond / FRAMES_PER_SECOND) : floor,
  );
  graph.output('logprobs', graph.node('LogSoftmax', [scores], { axis: 2 }), FLOAT, ['batch', 'frames', CLASSES]);

  const model = graph.toModel({
    model_type: 'EncDecCTCModelBPE',
    vocab_size: TONES.length,
    subsampling_factor: 1,
    normalize_type: '',
  });
  return modelManifestSchema.parse({
    id,
    kind: 'stt',
    engine: 'sherpa',
    family: 'nemo-ctc',
    files: await writeFiles(folder, { 'model.onnx': model, 'tokens.txt': tokens }),
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
