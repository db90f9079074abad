/**
 * For tests: hands each configuration of the JSON list in the file of the first argument to sherpa-onnx, which is
 * expected to refuse it and to say why on standard error. A line with a form feed comes after each.
 */
import { readFileSync, writeSync } from 'node:fs';
import type { FamilyConfig } from './config.ts';
import { loadNative } from './native.ts';

const native = loadNative();
const open = {
  voice: (config: object) => native.OfflineTts.createAsync(config),
  recogniser: (config: object) => native.OfflineRecognizer.createAsync(config),
  streaming: async (config: object) => new native.OnlineRecognizer(config),
};
for (const { api, config } of JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as FamilyConfig[]) {
  await open[api](config).catch(() => {});
  writeSync(2, '\f\n');
}
