import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import koffi from 'koffi';
import { nativeFolders } from '../sherpa/native.ts';

type Pointer = bigint;

/**
 * Where a function stands in the table that ONNX Runtime gives out, and how it is called (onnxruntime_c_api.h). The
 * table only ever grows at its end.
 */
const TABLE = {
  getErrorMessage: [2, 'const char *(void *status)'],
  createEnv: [3, 'void *(int level, const char *name, _Out_ void **env)'],
  createSession: [8, 'void *(void *env, const void *model, size_t bytes, void *options, _Out_ void **session)'],
  run: [
    9,
    'void *(void *session, void *options, const char **inputNames, void **inputs, size_t inputCount, ' +
      'const char **outputNames, size_t outputCount, _Inout_ void **outputs)',
  ],
  createOptions: [10, 'void *(_Out_ void **options)'],
  setThreads: [24, 'void *(void *options, int threads)'],
  outputName: [37, 'void *(void *session, size_t index, void *allocator, _Out_ char **name)'],
  createTensor: [
    49,
    'void *(void *memory, void *data, size_t bytes, const int64_t *shape, size_t dimensions, int type, _Out_ void **value)',
  ],
  tensorData: [51, 'void *(void *value, _Out_ void **data)'],
  cpuMemory: [69, 'void *(int allocator, int type, _Out_ void **memory)'],
  allocator: [78, 'void *(_Out_ void **allocator)'],
  releaseStatus: [93, 'void (void *status)'],
  releaseSession: [95, 'void (void *session)'],
  releaseValue: [96, 'void (void *value)'],
  releaseOptions: [100, 'void (void *options)'],
} as const satisfies Record<string, readonly [position: number, signature: string]>;

/** Every runtime from 1.17 on has this table. */
const API_VERSION = 17;
const WARNINGS = 2;
const FLOAT = 1;
const FLOAT_BYTES = 4;
const POINTER_BYTES = 8;

type Call = ((...args: unknown[]) => unknown) & { async: (...args: unknown[]) => void };

/** A model of one input and one output of floats. */
export interface Session {
  /** The first `count` numbers of the output for an input of the session's shape. One at a time. Throws what the runtime says. */
  run(input: Float32Array, count: number): Promise<Float32Array>;
  close(): void;
}

/** The folder of the ONNX Runtime that comes with sherpa-onnx, and its file; undefined where it is not installed. */
export function findRuntime(): { folder: string; file: string } | undefined {
  const folder = nativeFolders()?.binaries;
  const name = folder && readdirSync(folder).find((each) => /^(lib)?onnxruntime[\d.]*\.(so|dylib|dll)$/.test(each));
  return folder === undefined || name === undefined ? undefined : { folder, file: join(folder, name) };
}

/** Opens a model of which the bytes are given. Throws an Error with what the runtime says. */
export function openSession(
  file: string,
  model: Uint8Array,
  options: { input: string; shape: readonly number[]; threads: number },
): Session {
  const api = new Api(file);
  const session = api.session(model, options.threads);
  const output = api.outputName(session);
  const size = options.shape.reduce((product, length) => product * length, 1);
  const data: Pointer = koffi.alloc('float', size);
  const samples = new Float32Array(koffi.view(data, size * FLOAT_BYTES));
  const input = api.tensor(data, size * FLOAT_BYTES, options.shape);
  return {
    async run(given, count) {
      samples.set(given);
      const outputs: (Pointer | null)[] = [null];
      await api.run(session, options.input, input, output, outputs);
      try {
        return api.floats(outputs[0]!, count);
      } finally {
        api.release('releaseValue', outputs[0]!);
      }
    },
    close() {
      api.release('releaseValue', input);
      api.release('releaseSession', session);
      koffi.free(data);
    },
  };
}

/** The runtime's functions, with a status that is an error as an Error. */
class Api {
  readonly #table: Pointer;
  readonly #calls = new Map<keyof typeof TABLE, Call>();
  readonly #env: Pointer;
  readonly #memory: Pointer;

  constructor(file: string) {
    const base = koffi.load(file).func('void *OrtGetApiBase()')() as Pointer;
    const getApi = this.#function(koffi.decode(base, 'void *') as Pointer, 'void *(uint32_t version)');
    const table = getApi(API_VERSION) as Pointer | null;
    if (table === null) throw new Error('this ONNX Runtime is too old');
    this.#table = table;
    this.#env = this.#made('createEnv', WARNINGS, 'open-speech');
    this.#memory = this.#made('cpuMemory', 0, 0);
  }

  session(model: Uint8Array, threads: number): Pointer {
    const options = this.#made('createOptions');
    try {
      this.#check(this.#call('setThreads')(options, threads));
      return this.#made('createSession', this.#env, model, model.byteLength, options);
    } finally {
      this.release('releaseOptions', options);
    }
  }

  outputName(session: Pointer): string {
    const out: (string | null)[] = [null];
    this.#check(this.#call('outputName')(session, 0, this.#made('allocator'), out));
    return out[0]!;
  }

  tensor(data: Pointer, bytes: number, shape: readonly number[]): Pointer {
    const sizes = BigInt64Array.from(shape.map(BigInt));
    return this.#made('createTensor', this.#memory, data, bytes, sizes, shape.length, FLOAT);
  }

  async run(
    session: Pointer,
    inputName: string,
    input: Pointer,
    output: string,
    outputs: (Pointer | null)[],
  ): Promise<void> {
    const run = promisify(this.#call('run').async) as (...args: unknown[]) => Promise<unknown>;
    this.#check(await run(session, null, [inputName], [input], 1, [output], 1, outputs));
  }

  floats(value: Pointer, count: number): Float32Array {
    return new Float32Array(koffi.view(this.#made('tensorData', value), count * FLOAT_BYTES)).slice();
  }

  release(how: 'releaseValue' | 'releaseSession' | 'releaseOptions', what: Pointer): void {
    this.#call(how)(what);
  }

  /** Calls what tells its result through its last argument. */
  #made(name: keyof typeof TABLE, ...args: unknown[]): Pointer {
    const out: (Pointer | null)[] = [null];
    this.#check(this.#call(name)(...args, out));
    return out[0]!;
  }

  #check(status: unknown): void {
    if (status === null) return;
    const message = this.#call('getErrorMessage')(status) as string;
    this.#call('releaseStatus')(status);
    throw new Error(message);
  }

  #call(name: keyof typeof TABLE): Call {
    const known = this.#calls.get(name);
    if (known !== undefined) return known;
    const [position, signature] = TABLE[name];
    const address = koffi.decode(this.#table + BigInt(position * POINTER_BYTES), 'void *') as Pointer;
    const call = this.#function(address, signature);
    this.#calls.set(name, call);
    return call;
  }

  #function(address: Pointer, signature: string): Call {
    return koffi.decode(address, koffi.proto(signature)) as Call;
  }
}
