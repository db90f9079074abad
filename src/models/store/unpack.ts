import { resolve } from 'node:path';
import type { Settings } from '../../config/kinds.ts';
import { abortError, SpeechError } from '../../errors.ts';
import { Child } from '../../processes/child.ts';
import type { ModelArchive } from '../manifest.ts';
import type { FromUnpacker, UnpackJob } from './unpack/job.ts';

const MODULE = resolve(import.meta.dirname, 'unpack/unpack.child.ts');
const START_MS = 30_000;

export interface UnpackOptions {
  archive: string;
  format: ModelArchive['format'];
  /** An empty folder, the only place that is written to. */
  target: string;
  stripComponents: number;
  limits: Settings['limits'];
  signal: AbortSignal;
  /** Told of bytes of the archive that have been read. */
  onRead(bytes: number): void;
}

/**
 * Unpacks an archive in a process of its own that may write to `target` and nowhere else. Throws SpeechError
 * `unsafe_archive` for an archive that breaks a rule or is damaged, `insufficient_storage`, `deadline_exceeded`,
 * `cancelled`. After a failure the target holds whatever was unpacked until then: the caller deletes it.
 */
export async function unpackArchive(options: UnpackOptions): Promise<void> {
  const { archive, format, target, stripComponents, limits, signal } = options;
  if (signal.aborted) throw abortError(signal);
  const job: UnpackJob = {
    ...{ archive, format, target, stripComponents },
    rules: {
      maxEntries: limits.archiveEntries,
      maxBytes: limits.modelBytes,
      maxRatio: limits.archiveRatio,
      maxDepth: limits.archiveDepth,
      maxNameBytes: limits.archiveNameBytes,
    },
  };
  const done = Promise.withResolvers<void>();
  const child = new Child({
    module: MODULE,
    name: 'unpacking',
    readable: [archive, target],
    writable: [target],
    threads: true,
    memoryBytes: limits.unpackMemoryBytes,
    readyTimeoutMs: START_MS,
    init: job,
    onMessage: (message) => {
      const told = message as FromUnpacker;
      if (told.kind === 'read') options.onRead(told.bytes);
      else if (told.kind === 'done') done.resolve();
      else done.reject(SpeechError.fromData(told.error));
    },
  });
  const stop = (error: SpeechError): void => {
    done.reject(error);
    child.kill();
  };
  const onAbort = (): void => stop(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => stop(new SpeechError('deadline_exceeded', 'Unpacking a model took longer than OS_UNPACK_TIMEOUT_S.')),
    limits.unpackMs,
  );
  void child.exited.then(({ reason, stderr }) => {
    const detail = `${reason}; stderr: ${stderr}`;
    done.reject(
      new SpeechError('unsafe_archive', 'The process that unpacked a model archive ended early.', { detail }),
    );
  });
  try {
    await Promise.race([done.promise, child.ready.then(() => done.promise)]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    child.kill();
    await child.exited;
  }
}
