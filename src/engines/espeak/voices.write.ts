/**
 * Writes `voices.json` from the real engine. To be run when its package changes:
 * `node src/engines/espeak/voices.write.ts && npm run format`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listVoices } from './voice-list.ts';
import { loadEspeak } from './wasm.ts';

const list = JSON.stringify(listVoices(await loadEspeak()), null, 2);
await writeFile(join(import.meta.dirname, 'voices.json'), `${list}\n`);
