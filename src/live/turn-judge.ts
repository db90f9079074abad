import type { Settings } from '../config/kinds.ts';
import { SpeechError } from '../errors.ts';
import type { Names } from '../models/names.ts';
import type { Log } from '../telemetry/log.ts';
import type { Router } from '../workers/router.ts';
import type { LiveCaller } from './contract.ts';

/** Whether who spoke has finished, as the sound ends; undefined where nobody can say. Mono PCM at 16 000 Hz. */
export type JudgeTurn = (pcm: Float32Array) => Promise<boolean | undefined>;

export interface TurnJudgeDeps {
  router: Pick<Router, 'call' | 'status'>;
  names: Pick<Names, 'default'>;
  settings: Pick<Settings, 'limits'>;
  log: Pick<Log, 'info'>;
}

/** An answer that comes later is no better than silence. */
const PATIENCE_MS = 1000;
const ENDED = 0.5;
const SAMPLES_PER_MS = 16;

/** How a session asks the model that hears the end of a turn; undefined where there is none. */
export function turnJudge({ router, names, settings, log }: TurnJudgeDeps, caller: LiveCaller): JudgeTurn | undefined {
  const model = names.default('end-of-turn');
  if (model?.capabilities.judgeTurn === undefined) return undefined;
  const { id } = model.manifest;
  const { requestId, keyId, signal } = caller;
  const ask = async (pcm: Float32Array, timeoutMs: number): Promise<boolean | undefined> => {
    const context = { requestId, caller: keyId, signal, lane: 'interactive' as const };
    const cost = pcm.length / SAMPLES_PER_MS;
    try {
      for await (const { ended } of router.call('judgeTurn', id, { pcm }, { ...context, timeoutMs, cost })) {
        return ended >= ENDED;
      }
    } catch (error) {
      const { code } = SpeechError.from(error);
      if (!signal.aborted) log.info('Nobody heard whether a turn was over', { requestId, code });
    }
    return undefined;
  };
  // Nobody should wait for it to load in the first pause.
  const state = router.status().models.find((each) => each.id === id)?.state;
  if (state !== 'loaded') void ask(new Float32Array(0), settings.limits.modelLoadMs);
  return (pcm) => ask(pcm, PATIENCE_MS);
}
