import type { Graph } from './onnx.ts';
import { FLOAT, float, floats, INT64, int, ints } from './onnx.ts';
import type { MelBands } from './tones.ts';
import { MEL_BANDS, nearestBand, TONES } from './tones.ts';

/** How far two tones together must stand out of the spectrum, in nepers of power, to be a character. */
const CONTRAST = 6;
/** How far they may fall below their loudest moment nearby and still be the same character. */
const FADE = 3.5;
/** Frames to either side in which that moment is looked for. */
export const NEARBY = 6;

/** Classes that a recogniser tells apart: the characters, and the blank after them. */
export const CLASSES = TONES.length + 1;
export const BLANK = TONES.length;

/**
 * From log mel bands to one score per class: [batch, frames, 80] to [batch, frames, classes]. A character's score is
 * the energy in its two bands. The blank wins where nothing stands out and in the pauses, which is what tells a
 * doubled letter from one long one. Loudness does not matter.
 */
export function classScores(
  graph: Graph,
  features: string,
  bands: MelBands,
  alterFloor: (floor: string) => string = (floor) => floor,
): string {
  const weights = new Float32Array(MEL_BANDS * TONES.length);
  TONES.forEach(({ low, high }, index) => {
    weights[nearestBand(bands, low) * TONES.length + index] = 1;
    weights[nearestBand(bands, high) * TONES.length + index] = 1;
  });
  const characters = graph.node('MatMul', [features, floats(weights, [MEL_BANDS, TONES.length])]);

  const average = graph.node('ReduceMean', [features], { axes: [2], keepdims: 1 });
  const floor = alterFloor(graph.node('Add', [graph.node('Mul', [average, float(2)]), float(CONTRAST)]));

  const loudest = graph.node('ReduceMax', [characters], { axes: [2], keepdims: 1 });
  const peak = overTime(graph, 'MaxPool', loudest, { kernel_shape: [2 * NEARBY + 1], pads: [NEARBY, NEARBY] });
  const blank = graph.node('Max', [floor, graph.node('Sub', [peak, float(FADE)])]);
  return graph.node('Concat', [characters, blank], { axis: 2 });
}

/**
 * For models that say a character once instead of in every frame: 1 for a character in the frame in which it begins,
 * else 0. [batch, frames, classes] to the same shape.
 */
export function onsets(graph: Graph, scores: string): string {
  const best = graph.node('ArgMax', [scores], { axis: 2, keepdims: 0 });
  const before = graph.node('Slice', [best, ints([0]), ints([-1]), ints([1])]);
  const padded = graph.node('Pad', [before, ints([0, 1, 0, 0]), int(BLANK)]);
  const changed = graph.node('Not', [graph.node('Equal', [best, padded])]);
  const isBest = graph.node('OneHot', [best, int(CLASSES), ints([0, 1])], { axis: 2 });
  const begins = graph.node('Unsqueeze', [graph.node('Cast', [changed], { to: INT64 }), ints([2])]);
  const spoken = floats([...TONES.map(() => 1), 0]);
  return graph.node('Mul', [graph.node('Cast', [graph.node('Mul', [isBest, begins])], { to: FLOAT }), spoken]);
}

/** Applies a pooling operation along the frames of [batch, frames, channels]. */
export function overTime(graph: Graph, op: string, value: string, attributes: Record<string, number[]>): string {
  const turned = graph.node('Transpose', [value], { perm: [0, 2, 1] });
  return graph.node('Transpose', [graph.node(op, [turned], attributes)], { perm: [0, 2, 1] });
}

/** The lines of `tokens.txt`, with the blank last, as NeMo has it. */
export const tokens = [...TONES.map(({ character }) => (character === ' ' ? '▁' : character)), '<blk>']
  .map((symbol, index) => `${symbol} ${index}\n`)
  .join('');
