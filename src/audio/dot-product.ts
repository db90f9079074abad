/**
 * The inner loop of the resampler as a hand-assembled WebAssembly function, because four products per instruction
 * make it nine times as fast as the same loop in JavaScript, and everything that is heard or spoken at another rate
 * runs through it. Every Node that this project supports has WebAssembly SIMD.
 */

/** Sum of the products of two rows of floats; byte addresses and byte length in `memory`, the length a multiple of 32. */
export type DotProduct = (a: number, b: number, bytes: number) => number;

interface Wasm {
  Memory: new (size: { initial: number }) => { buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: { dot: DotProduct } };
}
const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;

const PAGE_BYTES = 65_536;

// The three parameters come first in the numbering of locals.
const A = 0;
const B = 1;
const BYTES = 2;
const END = 3;
const EVEN = 4;
const ODD = 5;

const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
const i32Const = (small: number): number[] => [0x41, small];
const I32_ADD = [0x6a];
const I32_LESS_UNSIGNED = [0x49];
const F32_ADD = [0x92];
const LOOP = [0x03, 0x40];
const BRANCH_IF_TO_LOOP = [0x0d, 0x00];
const END_BLOCK = [0x0b];
const load4 = (offset: number): number[] => [0xfd, 0x00, 0x02, offset];
const lane = (index: number): number[] => [0xfd, 0x1f, index];
const ADD4 = [0xfd, 0xe4, 0x01];
const MULTIPLY4 = [0xfd, 0xe6, 0x01];

const multiplyAdd = (sum: number, offset: number): number[] =>
  [get(sum), get(A), load4(offset), get(B), load4(offset), MULTIPLY4, ADD4, set(sum)].flat();

const body = [
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
].flat();

const section = (id: number, content: number[]): number[] => [id, content.length, ...content];
const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
const wasm = new Module(
  Uint8Array.from(
    [
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      // Types: one function (i32, i32, i32) → f32.
      section(1, [1, 0x60, 3, I32, I32, I32, 1, F32]),
      // Imports: env.memory, at least one page.
      section(2, [1, ...name('env'), ...name('memory'), 2, 0, 1]),
      section(3, [1, 0]),
      section(7, [1, ...name('dot'), 0, 0]),
      section(10, [1, body.length, ...body]),
    ].flat(),
  ),
);

/** `floats` zeros that the function can read, and the function. */
export function dotProductMemory(floats: number): { memory: Float32Array; dot: DotProduct } {
  const memory = new Memory({ initial: Math.ceil((floats * 4) / PAGE_BYTES) });
  const { exports } = new Instance(wasm, { env: { memory } });
  return { memory: new Float32Array(memory.buffer), dot: exports.dot };
}
