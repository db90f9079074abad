/** The process that unpacks one archive. It may read the archive, write below the target, and nothing else. */
import { SpeechError } from '../../../errors.ts';
import { type Parent, serveParent } from '../../../processes/serve-parent.ts';
import type { FromUnpacker, UnpackJob } from './job.ts';
import { unpack } from './unpack.ts';

const TELL_EVERY_BYTES = 4 * 1024 * 1024;

async function run(job: UnpackJob, parent: Parent): Promise<void> {
  let read = 0;
  const tell = (message: FromUnpacker): Promise<void> => parent.send(message);
  const onRead = (bytes: number): void => {
    read += bytes;
    if (read < TELL_EVERY_BYTES) return;
    void tell({ kind: 'read', bytes: read });
    read = 0;
  };
  try {
    await unpack(job, onRead);
    await tell({ kind: 'read', bytes: read });
    await tell({ kind: 'done' });
  } catch (error) {
    await tell({ kind: 'failed', error: SpeechError.from(error).toData() });
  }
}

serveParent(async (init, parent) => {
  const work = run(init as UnpackJob, parent);
  return { ready: undefined, onMessage: () => void work };
});
