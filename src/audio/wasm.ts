/**
 * Assembles the few WebAssembly functions that run over every sample: four or eight of them per instruction, which
 * JavaScript cannot do. Every Node that this project supports has WebAssembly SIMD.
 */

interface Wasm {
  Memory: new (size: { initial: number }) => { buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: { run: (...parameters: number[]) => number } };
}
const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;

const PAGE_BYTES = 65_536;

export const I32 = 0x7f;
export const F32 = 0x7d;
export const V128 = 0x7b;
export const get = (local: number): number[] => [0x20, local];
export const set = (local: number): number[] => [0x21, local];
export const tee = (local: number): number[] => [0x22, local];
/** Below 64. */
export const i32Const = (small: number): number[] => [0x41, small];
export const f32Const = (value: number): number[] => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)];
export const I32_ADD = [0x6a];
export const I32_LESS_UNSIGNED = [0x49];
export const F32_ADD = [0x92];
export const LOOP = [0x03, 0x40];
export const BRANCH_IF_TO_LOOP = [0x0d, 0x00];
export const END_BLOCK = [0x0b];
/** An instruction on vectors, by the number that the specification gives it (below 256). */
export const vector = (opcode: number): number[] => (opcode < 0x80 ? [0xfd, opcode] : [0xfd, opcode, 0x01]);
/** Sixteen bytes at an address that need not be aligned. */
export const load = (offset: number): number[] => [...vector(0x00), 0x02, offset];
export const store = (offset: number): number[] => [...vector(0x0b), 0x02, offset];
export const lane = (index: number): number[] => [...vector(0x1f), index];

/** One function over one memory. `body` begins with its locals; no part may exceed 127 bytes. */
export function assemble(parameters: number[], results: number[], body: number[]): object {
  const section = (id: number, content: number[]): number[] => [id, content.length, ...content];
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  const types = [1, 0x60, parameters.length, ...parameters, results.length, ...results];
  return new Module(
    Uint8Array.from(
      [
        [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
        section(1, types),
        // Imports: env.memory, at least one page.
        section(2, [1, ...name('env'), ...name('memory'), 2, 0, 1]),
        section(3, [1, 0]),
        section(7, [1, ...name('run'), 0, 0]),
        section(10, [1, body.length, ...body]),
      ].flat(),
    ),
  );
}

/** The function with a zeroed memory of its own. */
export function instantiate(
  module: object,
  bytes: number,
): { buffer: ArrayBuffer; run: (...parameters: number[]) => number } {
  const memory = new Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
  const { exports } = new Instance(module, { env: { memory } });
  return { buffer: memory.buffer, run: exports.run };
}
