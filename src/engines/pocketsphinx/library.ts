import { promisify } from 'node:util';
import koffi from 'koffi';

type Pointer = bigint;
type AsyncCall<A extends unknown[], R> = (...args: A) => Promise<R>;

/** The cepstra of a recording, in the library's memory until `free` is called. */
export interface Cepstra {
  frames: number;
  /** One after the other, `values.length / frames` numbers each. Not to be touched after `free`. */
  values: Float32Array;
  free(): void;
}

/** The functions of libpocketsphinx and libsphinxbase (both 5 prealpha) that recognition needs. */
export interface Library {
  parseArguments(args: readonly string[]): Pointer | null;
  freeArguments(args: Pointer): void;
  createDecoder: AsyncCall<[args: Pointer], Pointer | null>;
  freeDecoder(decoder: Pointer): void;
  createFrontEnd(args: Pointer): Pointer | null;
  freeFrontEnd(frontEnd: Pointer): void;
  /** Makes the front end forget what it heard before, its estimate of the noise too. */
  startCepstra(frontEnd: Pointer): void;
  /** Turns the next 16-bit samples into cepstra. What is less than a frame is kept for the next ones. */
  cepstra(frontEnd: Pointer, count: number, fill: (samples: Int16Array) => void): Promise<Cepstra>;
  /** Drops what was kept. */
  endCepstra(frontEnd: Pointer): void;
  startUtterance(decoder: Pointer): number;
  /** Searches some frames. Negative for a failure. */
  search(decoder: Pointer, cepstra: Cepstra, first: number, count: number): Promise<number>;
  /** Searches once more, over all that was found, and chooses the best path. Negative for a failure. */
  endUtterance: AsyncCall<[decoder: Pointer], number>;
  /** Words of the best hypothesis with their first and last frame and their posterior probability, 0 to 1. */
  words(decoder: Pointer): { word: string; firstFrame: number; lastFrame: number; probability: number }[];
}

// koffi gives asynchronous calls a stack of 128 KiB: less than the library may count on. To be set before any loading.
koffi.config({ ...koffi.config(), async_stack_size: 2 * 1024 * 1024 });
const POINTER_BYTES = BigInt(koffi.sizeof('void *'));

/** Loads the library. Throws where it is not one. */
export function loadLibrary(path: string): Library {
  const library = koffi.load(path);
  // What belongs to libsphinxbase is found through its dependent.
  const declare = (signature: string) => library.func(signature);
  const later = <A extends unknown[], R>(signature: string): AsyncCall<A, R> => {
    const { async } = declare(signature);
    return promisify(async) as unknown as AsyncCall<A, R>;
  };
  // The library writes pages about itself to stderr.
  declare('void err_set_logfp(void *file)')(null);

  const definitions = declare('void *ps_args()');
  const parse = declare('void *cmd_ln_parse_r(void *inout, void *defn, int argc, const char **argv, int strict)');

  const startStream = declare('void fe_start_stream(void *fe)');
  const startFrontEnd = declare('int fe_start_utt(void *fe)');
  const endFrontEnd = declare('int fe_end_utt(void *fe, _Out_ float *cep, _Out_ int32_t *frames)');
  const processAll = later<[Pointer, Pointer, number, (Pointer | null)[], number[]], number>(
    'int fe_process_utt(void *fe, void *samples, size_t count, _Out_ void **cep, _Out_ int32_t *frames)',
  );
  const frameSize = declare('int fe_get_output_size(void *fe)');
  const freeRows = declare('void fe_free_2d(void *rows)');

  const processFrames = later<[Pointer, Pointer, number, number, number], number>(
    'int ps_process_cep(void *ps, void *rows, int count, int no_search, int full_utt)',
  );
  const rowsOf = new WeakMap<Cepstra, Pointer>();

  const logMath = declare('void *ps_get_logmath(void *ps)');
  const exponential = declare('double logmath_exp(void *lmath, int32_t logp)');
  const firstSegment = declare('void *ps_seg_iter(void *ps, _Out_ int32_t *score)');
  const nextSegment = declare('void *ps_seg_next(void *seg)');
  const segmentWord = declare('const char *ps_seg_word(void *seg)');
  const segmentFrames = declare('void ps_seg_frames(void *seg, _Out_ int *first, _Out_ int *last)');
  const segmentProbability = declare(
    'int32_t ps_seg_prob(void *seg, _Out_ int32_t *ascr, _Out_ int32_t *lscr, _Out_ int32_t *lback)',
  );

  return {
    // Not strict: a model's own parameters name some that only its training knew.
    parseArguments: (args) => parse(null, definitions(), args.length, args, 0),
    freeArguments: declare('int cmd_ln_free_r(void *config)'),
    createDecoder: later('void *ps_init(void *config)'),
    freeDecoder: declare('int ps_free(void *ps)'),
    createFrontEnd: declare('void *fe_init_auto_r(void *config)'),
    freeFrontEnd: declare('int fe_free(void *fe)'),

    startCepstra(frontEnd) {
      startStream(frontEnd);
      startFrontEnd(frontEnd);
    },

    async cepstra(frontEnd, count, fill) {
      const size = frameSize(frontEnd) as number;
      const [rows, frames] = [[null], [0]] as [(Pointer | null)[], number[]];
      // An asynchronous call does not keep a JavaScript buffer alive: what it works on is the library's own memory.
      const samples: Pointer = koffi.alloc('int16_t', Math.max(count, 1));
      try {
        fill(new Int16Array(koffi.view(samples, count * 2)));
        await processAll(frontEnd, samples, count, rows, frames);
      } finally {
        koffi.free(samples);
      }
      const table = rows[0]!;
      // The rows lie one after the other (ckd_calloc_2d).
      const block = koffi.decode(table, 'void *') as Pointer;
      const values = frames[0] === 0 ? new Float32Array() : new Float32Array(koffi.view(block, frames[0]! * size * 4));
      const cepstra: Cepstra = { frames: frames[0]!, values, free: () => freeRows(table) };
      rowsOf.set(cepstra, table);
      return cepstra;
    },

    endCepstra(frontEnd) {
      endFrontEnd(frontEnd, new Float32Array(frameSize(frontEnd) as number), [0]);
    },

    startUtterance: declare('int ps_start_utt(void *ps)'),
    search: (decoder, cepstra, first, count) =>
      processFrames(decoder, rowsOf.get(cepstra)! + BigInt(first) * POINTER_BYTES, count, 0, 0),
    endUtterance: later('int ps_end_utt(void *ps)'),

    words(decoder) {
      const math = logMath(decoder);
      const words = [];
      for (let segment = firstSegment(decoder, [0]); segment !== null; segment = nextSegment(segment)) {
        const [first, last] = [[0], [0]] as [number[], number[]];
        segmentFrames(segment, first, last);
        words.push({
          word: segmentWord(segment) as string,
          firstFrame: first[0]!,
          lastFrame: last[0]!,
          probability: Math.min(1, exponential(math, segmentProbability(segment, [0], [0], [0])) as number),
        });
      }
      return words;
    },
  };
}
