/** Starts a server that fetches its first models and says which are ready, until it is killed. See `FirstStart`. */
import { loadSettings } from '../../../src/config/load.ts';
import type { ModelManifest } from '../../../src/models/manifest.ts';
import { startOpenSpeech } from '../../../src/open-speech.ts';
import { openLog } from '../../../src/telemetry/log.ts';
import { HOSTS, testWorld } from '../hub.ts';

export interface FirstStart {
  dataDir: string;
  shipped: ModelManifest[];
}

const { dataDir, shipped } = JSON.parse(process.argv[2]!) as FirstStart;
const { settings } = loadSettings({ env: { OS_DATA_DIR: dataDir, OS_PORT: '0', OS_MODEL_HOSTS: HOSTS.join(',') } });
const { library } = await startOpenSpeech(settings, openLog({ level: 'silent' }), { shipped, world: testWorld() });
const tell = (id: string): unknown => library.arrival(id).state === 'ready' && process.stdout.write(`ready ${id}\n`);
library.onChange(tell);
for (const { id } of shipped) tell(id);
