import type { Graph } from './onnx.ts';
import { float, floats, ints } from './onnx.ts';

const WIDTH = 512;

/**
 * Appends matrix multiplications that cost what a neural model costs and change nothing: the result is `value` plus
 * something too small to notice. `value` has the shape [n, 1]; each of its n elements costs about `gigaflop` times
 * 10⁹ operations, spread over `rows` rows of activations and as many layers as that takes. The weights are 1 MB.
 */
export function addWork(graph: Graph, value: string, gigaflop: number, rows: number): string {
  const layers = Math.max(1, Math.round((gigaflop * 1e9) / (2 * rows * WIDTH * WIDTH)));
  const random = randomNumbers();
  // A variance of 1 / WIDTH keeps the activations from growing or vanishing however many layers there are.
  const weights = graph.constant(
    floats(
      Array.from({ length: WIDTH * WIDTH }, () => random() * Math.sqrt(3 / WIDTH)),
      [WIDTH, WIDTH],
    ),
  );
  const spread = floats(Array.from({ length: rows * WIDTH }, random));
  let activations = graph.node('Reshape', [graph.node('Mul', [value, spread]), ints([-1, WIDTH])]);
  for (let layer = 0; layer < layers; layer++) activations = graph.node('MatMul', [activations, weights]);
  const perRow = graph.node('Reshape', [activations, ints([-1, rows * WIDTH])]);
  const mean = graph.node('ReduceMean', [perRow], { axes: [1], keepdims: 1 });
  return graph.node('Add', [value, graph.node('Mul', [mean, float(1e-30)])]);
}

/** Numbers between -1 and 1, the same ones each time. */
function randomNumbers(): () => number {
  let state = 0x2545f491;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}
