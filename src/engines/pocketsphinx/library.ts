import { promisify } from 'node:util';
import koffi from 'koffi';

type Pointer = unknown;
type AsyncCall<A extends unknown[], R> = (...args: A) => Promise<R>;

/** The functions of libpocketsphinx (API 5 prealpha, header pocketsphinx.h) that recognition needs. */
export interface Library {
  parseArguments(args: readonly string[]): Pointer;
  freeArguments(args: Pointer): void;
  init: AsyncCall<[Pointer], Pointer>;
  free(decoder: Pointer): void;
  startStream(decoder: Pointer): number;
  startUtterance(decoder: Pointer): number;
  /** Feeds a whole utterance and searches it. Returns the number of frames, negative for a failure. */
  process: AsyncCall<[decoder: Pointer, samples: Int16Array, count: number, noSearch: number, full: number], number>;
  endUtterance: AsyncCall<[Pointer], number>;
  /** Words of the best hypothesis with their first and last frame and their posterior probability, 0 to 1. */
  words(decoder: Pointer): { word: string; firstFrame: number; lastFrame: number; probability: number }[];
}

/** Loads the library. Throws where it is not one. */
export function loadLibrary(path: string): Library {
  const library = koffi.load(path);
  const declare = (signature: string) => library.func(signature);
  const later = <A extends unknown[], R>(signature: string): AsyncCall<A, R> => {
    const { async } = declare(signature);
    return promisify(async) as unknown as AsyncCall<A, R>;
  };
  // The library writes pages about itself to stderr.
  declare('void err_set_logfp(void *file)')(null);

  const definitions = declare('void *ps_args()');
  const parse = declare('void *cmd_ln_parse_r(void *inout, void *defn, int argc, const char **argv, int strict)');
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
    parseArguments: (args) => parse(null, definitions(), args.length, args, 1),
    freeArguments: declare('int cmd_ln_free_r(void *config)'),
    init: later('void *ps_init(void *config)'),
    free: declare('int ps_free(void *ps)'),
    startStream: declare('int ps_start_stream(void *ps)'),
    startUtterance: declare('int ps_start_utt(void *ps)'),
    process: later('int ps_process_raw(void *ps, const int16_t *data, size_t n, int no_search, int full_utt)'),
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
