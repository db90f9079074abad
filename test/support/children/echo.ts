/** A child for the tests of `processes/`: echoes, or misbehaves when told to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { SpeechError } from '../../../src/errors.ts';
import { serveParent } from '../../../src/processes/serve-parent.ts';

serveParent(async (init, parent) => {
  if (init === 'refuse') throw new SpeechError('model_unavailable', 'No such model.');
  if (init === 'hang') await new Promise(() => {});
  const hoard: Buffer[] = [];
  const acts: Record<string, () => unknown> = {
    exit: () => process.exit(255),
    environment: () => ({ ...process.env }),
    read: () => readFileSync('/etc/hostname', 'utf8'),
    write: () => writeFileSync(`${import.meta.dirname}/written`, 'x'),
    spawn: () => process.getBuiltinModule('node:child_process').spawnSync('true').status,
    eat: () => {
      for (let i = 0; i < 40; i++) hoard.push(Buffer.alloc(16 * 2 ** 20, 1));
      return hoard.length;
    },
  };
  return {
    ready: { hello: init },
    onMessage: (message) => {
      const act = typeof message === 'string' ? acts[message] : undefined;
      try {
        void parent.send(act === undefined ? message : act());
      } catch (error) {
        void parent.send({ failed: (error as NodeJS.ErrnoException).code });
      }
    },
  };
});
