/** Time to the first byte of audio, and of a whole request, over HTTP against calling the same engine directly. */
import { join } from 'node:path';
import type { OpenModel } from '../src/engines/contract.ts';
import { Catalog } from '../src/models/catalog.ts';
import { BareEngine } from './support/bare.ts';
import { median, ms, report } from './support/report.ts';
import { startBenchServer } from './support/server.ts';

const PAIRS = 40;
const WARM_UP = 5;
const TEXT = 'It was a bright cold day in April. The clocks were striking thirteen.';

const server = await startBenchServer({ gigaflopPerSecond: 5 });
const catalog = await Catalog.read(join(server.dataDir, 'models'));
const pairs: [string, OpenModel, string][] = [
  ['espeak', await catalog.open('espeak'), 'en-us'],
  ['neural-sized tone voice', await catalog.open('tone-voice'), 'tone-0'],
];
for (const [name, model, voice] of pairs) {
  const bare = await BareEngine.start(model);
  const ours: { firstMs: number; wholeMs: number }[] = [];
  const theirs: { firstMs: number; wholeMs: number }[] = [];
  for (let i = 0; i < PAIRS + WARM_UP; i++) {
    const direct = await bare.run({ speak: { text: TEXT, voice }, times: 1 });
    const http = await server.client.speak({ model: model.id, voice, input: TEXT, response_format: 'wav' });
    if (i < WARM_UP) continue;
    theirs.push(direct.runs[0]!);
    ours.push(http);
  }
  bare.stop();
  const [first, bareFirst] = [ours, theirs].map((runs) => median(runs.map((run) => run.firstMs))) as [number, number];
  const [whole, bareWhole] = [ours, theirs].map((runs) => median(runs.map((run) => run.wholeMs))) as [number, number];
  // Of each pair, because the processor of a shared machine drifts by more than what is measured.
  const later = median(ours.map(({ firstMs }, i) => firstMs - theirs[i]!.firstMs));
  report({
    what: `${name}: first audio byte, median of ${PAIRS} pairs`,
    ours: ms(first),
    baseline: `${ms(bareFirst)} engine alone`,
    ratio: `${later < 0 ? '' : '+'}${later.toFixed(2)} ms`,
    aim: '≤ +5 ms',
    met: later <= 5,
  });
  report({
    what: `${name}: whole request, median of ${PAIRS}`,
    ours: ms(whole),
    baseline: `${ms(bareWhole)} engine alone`,
    ratio: (whole / bareWhole).toFixed(3),
    aim: '≤ 1.05',
    met: whole / bareWhole <= 1.05,
  });
}
await server.stop();
