import { promisify } from 'node:util';
import koffi from 'koffi';

type Pointer = bigint;
type Later<A extends unknown[], R> = (...args: A) => Promise<R>;

/** Samples in memory of the library's own, where a call in another thread may read them. */
export interface SampleBuffer {
  pointer: Pointer;
  /** Not to be touched after `free`. */
  samples: Float32Array;
  free(): void;
}

/**
 * The functions of libvosk that recognition needs, as its header vosk_api.h (0.3.39 and later) declares them. Whatever
 * takes time runs in a thread of its own; a recogniser bears one call at a time.
 */
export interface Library {
  /** Null for a folder that holds no model, or a broken one. */
  openModel: Later<[folder: string], Pointer | null>;
  /** Recognisers keep their model alive: it goes with the last of them. */
  freeModel(model: Pointer): void;
  /** Null where the model's graph cannot be used. */
  createRecogniser: Later<[model: Pointer, sampleRate: number], Pointer | null>;
  freeRecogniser(recogniser: Pointer): void;
  /** Whether results tell words with times. */
  tellWords(recogniser: Pointer, on: 0 | 1): void;
  /** 0 for one reading with measured confidence, else that many readings with scores. */
  tellAlternatives(recogniser: Pointer, count: number): void;
  /** Samples are floats of 16-bit size. 1 where a pause was found and `result` may be asked, 0 else, -1 for a failure. */
  accept: Later<[recogniser: Pointer, samples: Pointer, count: number], number>;
  /** What was heard until the pause, as JSON. */
  result: Later<[recogniser: Pointer], string | null>;
  /** What is heard so far, as JSON. */
  partialResult: Later<[recogniser: Pointer], string | null>;
  /** What is left when no more audio comes, as JSON. */
  finalResult: Later<[recogniser: Pointer], string | null>;
  allocate(count: number): SampleBuffer;
}

// koffi gives asynchronous calls a stack of 128 KiB, and Kaldi counts on that of a thread. To be set before any loading.
koffi.config({ ...koffi.config(), async_stack_size: 8 * 1024 * 1024 });
const FLOAT_BYTES = 4;

/** What koffi is told of each function. */
export const SIGNATURES = {
  setLogLevel: 'void vosk_set_log_level(int level)',
  openModel: 'void *vosk_model_new(const char *folder)',
  freeModel: 'void vosk_model_free(void *model)',
  createRecogniser: 'void *vosk_recognizer_new(void *model, float rate)',
  freeRecogniser: 'void vosk_recognizer_free(void *recogniser)',
  tellWords: 'void vosk_recognizer_set_words(void *recogniser, int on)',
  tellAlternatives: 'void vosk_recognizer_set_max_alternatives(void *recogniser, int count)',
  accept: 'int vosk_recognizer_accept_waveform_f(void *recogniser, void *samples, int count)',
  result: 'const char *vosk_recognizer_result(void *recogniser)',
  partialResult: 'const char *vosk_recognizer_partial_result(void *recogniser)',
  finalResult: 'const char *vosk_recognizer_final_result(void *recogniser)',
} as const;

/** Loads the library. Throws where it is not one. */
export function loadLibrary(path: string): Library {
  const library = koffi.load(path);
  const now = (name: keyof typeof SIGNATURES) => library.func(SIGNATURES[name]);
  const later = <A extends unknown[], R>(name: keyof typeof SIGNATURES): Later<A, R> =>
    promisify(now(name).async) as unknown as Later<A, R>;
  // It tells stderr how a model was put together; errors stay.
  now('setLogLevel')(-1);
  return {
    openModel: later('openModel'),
    freeModel: now('freeModel'),
    createRecogniser: later('createRecogniser'),
    freeRecogniser: now('freeRecogniser'),
    tellWords: now('tellWords'),
    tellAlternatives: now('tellAlternatives'),
    accept: later('accept'),
    result: later('result'),
    partialResult: later('partialResult'),
    finalResult: later('finalResult'),
    allocate(count) {
      const pointer: Pointer = koffi.alloc('float', count);
      const samples = new Float32Array(koffi.view(pointer, count * FLOAT_BYTES));
      return { pointer, samples, free: () => koffi.free(pointer) };
    },
  };
}
