/** A recording of 60 s over HTTP against the bare engine on the same samples, read with a bare decode. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Catalog } from '../src/models/catalog.ts';
import { BareEngine } from './support/bare.ts';
import { minuteOfSpeech } from './support/minute.ts';
import { median, ms, report } from './support/report.ts';
import { startBenchServer } from './support/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-bench-'));
const path = join(folder, 'minute.wav');
const server = await startBenchServer({ gigaflopPerSecond: 5 });
writeFileSync(path, await minuteOfSpeech(server));
const file = readFileSync(path);
const catalog = await Catalog.read(join(server.dataDir, 'models'));

for (const [name, id, runs] of [
  ['neural-sized tone recogniser', 'tone-ear', 7],
  ['pocketsphinx', 'pocketsphinx-en-us', 1],
] as const) {
  if (catalog.get(id)?.available !== true) continue;
  const bare = await BareEngine.start(await catalog.open(id));
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let i = 0; i <= runs; i++) {
    const direct = await bare.run({ hear: { path }, times: 1 });
    const http = await server.client.transcribe(file, id);
    if (i === 0) continue;
    theirs.push(direct.runs[0]!.wholeMs);
    ours.push(http.wholeMs);
  }
  bare.stop();
  report({
    what: `${name}: 60 s of audio, median of ${runs}`,
    ours: ms(median(ours)),
    baseline: `${ms(median(theirs))} engine and decode alone`,
    ratio: (median(ours) / median(theirs)).toFixed(3),
    aim: '≤ 1.05',
    met: median(ours) / median(theirs) <= 1.05,
  });
}
await server.stop();
rmSync(folder, { recursive: true, force: true });
