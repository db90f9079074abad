/** Start to healthy, and the memory of the idle server, on two cores; against a bare Node process that does nothing. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, ms, report } from './support/report.ts';
import { startBenchServer } from './support/server.ts';

const RUNS = 5;
const first = await startBenchServer({ cpus: '0,1' });
const healthy: number[] = [];
let residentMb = 0;
for (let i = 0; i < RUNS; i++) {
  const server = await startBenchServer({
    dataDir: first.dataDir,
    cpus: '0,1',
    env: { OS_DATA_DIR: `${first.dataDir}/second` },
  });
  healthy.push(server.healthyMs);
  await sleep(2000);
  residentMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))![1]) / 1024;
  await server.stop();
}
const bare: number[] = [];
for (let i = 0; i < RUNS; i++) {
  const began = performance.now();
  spawnSync('taskset', ['-c', '0,1', process.execPath, '-e', '0']);
  bare.push(performance.now() - began);
}
await first.stop();
report({
  what: `start to healthy, median of ${RUNS} (the very first: ${ms(first.healthyMs)})`,
  ours: ms(median(healthy)),
  baseline: `${ms(median(bare))} for Node to start and stop`,
  ratio: (median(healthy) / median(bare)).toFixed(1),
  aim: '< 1000 ms',
  met: median(healthy) < 1000,
});
report({
  what: 'resident memory of the idle server process',
  ours: `${residentMb.toFixed(0)} MB`,
  baseline: '150 MB',
  ratio: (residentMb / 150).toFixed(2),
  aim: '< 150 MB',
  met: residentMb < 150,
});
