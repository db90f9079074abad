import { BANDS, FRAMES } from '../../src/engines/onnxruntime/log-mel.ts';
import { type ModelManifest, modelManifestSchema } from '../../src/models/manifest.ts';
import { writeFiles } from './files.ts';
import { FLOAT, floats, Graph, ints } from './onnx.ts';
import { NEMO_BANDS, nearestBand, TONES } from './tones.ts';

/** How much of the end it hears: the last letters and the silence behind them, in frames of 10 ms. */
const HEARD = 80;
const SHARPNESS = 40;
/** Both tones are about as loud as the loudest that is heard. */
const SLACK = 0.2;

/**
 * Builds a model of Smart Turn's shape that ONNX Runtime runs like the real one: it finds that somebody has finished
 * when a full stop of the tone voice is among the last letters.
 */
export async function buildTurnModel(folder: string): Promise<ModelManifest> {
  const graph = new Graph();
  const features = graph.input('input_features', FLOAT, ['batch', BANDS, FRAMES]);
  const end = graph.node('Slice', [features, ints([FRAMES - HEARD]), ints([FRAMES]), ints([2])]);
  const stop = TONES.find(({ character }) => character === '.')!;
  const bands = ints([stop.low, stop.high].map((hz) => nearestBand(NEMO_BANDS, hz)));
  const both = graph.node('ReduceMin', [graph.node('Gather', [end, bands], { axis: 1 })], { axes: [1], keepdims: 0 });
  const tones = graph.node('ReduceMax', [both], { axes: [1], keepdims: 1 });
  const any = graph.node('Reshape', [graph.node('ReduceMax', [end], { axes: [1, 2], keepdims: 0 }), ints([-1, 1])]);
  const lead = graph.node('Add', [graph.node('Sub', [tones, any]), floats([SLACK])]);
  graph.output('logits', graph.node('Sigmoid', [graph.node('Mul', [lead, floats([SHARPNESS])])]), FLOAT, ['batch', 1]);
  return modelManifestSchema.parse({
    ...{ id: 'tone-turn', kind: 'end-of-turn', engine: 'onnxruntime', family: 'smart-turn' },
    files: await writeFiles(folder, { 'model.onnx': graph.toModel({}) }),
    assets: { model: 'model.onnx' },
    ...{ revision: 'built', licence: 'MIT', languages: ['en'] },
    description: 'Hears a full stop of the tone voice.',
  });
}
