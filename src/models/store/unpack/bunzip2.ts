import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { addCrc, asStream, type Bits, blockCrc, joinBits } from './bzip2-block.ts';
import { BlockSplitter } from './bzip2-splitter.ts';
import { BadArchive } from './job.ts';

export interface ToBlockThread {
  stream: Uint8Array;
}
export interface FromBlockThread {
  /** Undefined for a block that does not unpack. */
  content: Uint8Array | undefined;
}

/** More threads do not help: the disk and the tar reader are next in line. */
const MAX_THREADS = 4;

type Step = { kind: 'block'; block: Bits; content: Promise<Uint8Array | undefined> } | { kind: 'end'; crc: number };

/**
 * Unpacks bzip2 data with several threads, block by block, and yields the content in order. The checksum of every
 * block and of every stream is checked. Throws BadArchive.
 */
export async function* bunzip2(
  source: AsyncIterable<Buffer>,
  threadCount = Math.min(MAX_THREADS, availableParallelism()),
): AsyncGenerator<Buffer> {
  const threads = new BlockThreads(threadCount);
  const steps = new Steps(source, threads);
  try {
    let crc = 0;
    for (let step = await steps.next(); step !== undefined; step = await steps.next()) {
      if (step.kind === 'end') {
        if (step.crc !== crc) throw new BadArchive('it is damaged');
        crc = 0;
        continue;
      }
      const content = (await step.content) ?? (await unpackJoined(step.block, steps, threads));
      crc = addCrc(crc, blockCrc(step.block));
      yield Buffer.from(content.buffer as ArrayBuffer, content.byteOffset, content.byteLength);
    }
  } finally {
    await threads.close();
  }
}

/** A block that holds a mark by chance came in two pieces. */
async function unpackJoined(first: Bits, steps: Steps, threads: BlockThreads): Promise<Uint8Array> {
  const next = await steps.next();
  if (next?.kind !== 'block') throw new BadArchive('it is damaged');
  const content = await threads.unpack(joinBits(first, next.block));
  if (content === undefined) throw new BadArchive('it is damaged');
  return content;
}

/** Reads ahead so that every thread has work, and no farther. */
class Steps {
  #pieces: AsyncGenerator<Step>;
  #ahead: Promise<IteratorResult<Step>>[] = [];
  #depth: number;

  constructor(source: AsyncIterable<Buffer>, threads: BlockThreads) {
    this.#pieces = pieces(source, threads);
    this.#depth = threads.count * 2;
  }

  async next(): Promise<Step | undefined> {
    while (this.#ahead.length < this.#depth) {
      const result = this.#pieces.next();
      // It is awaited in its turn; until then nobody else looks at a failure.
      result.catch(() => {});
      this.#ahead.push(result);
    }
    const { value, done } = await this.#ahead.shift()!;
    return done ? undefined : (value as Step);
  }
}

async function* pieces(source: AsyncIterable<Buffer>, threads: BlockThreads): AsyncGenerator<Step> {
  const splitter = new BlockSplitter();
  for await (const chunk of source) {
    for (const piece of splitter.push(chunk)) {
      yield piece.kind === 'end' ? piece : { ...piece, content: threads.unpack(piece.block) };
    }
  }
  splitter.finish();
}

class BlockThreads {
  readonly count: number;
  #all: Worker[] = [];
  #idle: Worker[] = [];
  #waiting: ((thread: Worker) => void)[] = [];

  constructor(count: number) {
    this.count = count;
  }

  /** The content of a block, or undefined where it does not unpack. */
  async unpack(block: Bits): Promise<Uint8Array | undefined> {
    const thread = await this.#take();
    const { content } = await new Promise<FromBlockThread>((resolve) => {
      thread.once('message', resolve);
      thread.postMessage({ stream: asStream(block) } satisfies ToBlockThread);
    });
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(thread);
    else next(thread);
    return content;
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((thread) => thread.terminate()));
  }

  async #take(): Promise<Worker> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#all.length === this.count) return await new Promise((resolve) => this.#waiting.push(resolve));
    const thread = new Worker(new URL('./bunzip2.thread.ts', import.meta.url));
    this.#all.push(thread);
    return thread;
  }
}
