import { SpeechError } from '../errors.ts';
import type { Engine } from './contract.ts';

/** The engines by the name manifests use. None is imported before it is asked for. */
const ENGINES: ReadonlyMap<string, () => Promise<{ engine: Engine }>> = new Map([
  ['espeak', () => import('./espeak/engine.ts')],
  ['onnxruntime', () => import('./onnxruntime/engine.ts')],
  ['pocketsphinx', () => import('./pocketsphinx/engine.ts')],
  ['sherpa', () => import('./sherpa/engine.ts')],
  ['vosk', () => import('./vosk/engine.ts')],
  ['wyoming', () => import('./wyoming/engine.ts')],
]);

export const engineNames: readonly string[] = [...ENGINES.keys()];

/** SpeechError `model_unavailable` for a name that no engine has. */
export async function loadEngine(name: string): Promise<Engine> {
  const load = ENGINES.get(name);
  if (load === undefined) {
    throw new SpeechError('model_unavailable', `There is no engine "${name}". There are: ${engineNames.join(', ')}.`);
  }
  return (await load()).engine;
}
