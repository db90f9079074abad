/** Loaded into a server that is measured: on a signal it collects its garbage and writes down what is left. */
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const file = process.env.BENCH_PROBE_FILE;
if (file !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  process.on('SIGUSR2', () => {
    collect();
    setImmediate(() => {
      collect();
      const { heapUsed, external, rss } = process.memoryUsage();
      const handles = process.getActiveResourcesInfo().length;
      writeFileSync(file, JSON.stringify({ heapBytes: heapUsed + external, residentBytes: rss, handles }));
    });
  });
}
