import type { Settings } from '../config/kinds.ts';
import { SpeechError } from '../errors.ts';
import type { Names } from '../models/names.ts';
import { helperRemedy } from '../speech/steps/models.ts';
import type { Router } from '../workers/router.ts';
import type { LiveCaller } from './contract.ts';
import type { OpenWatch } from './frame-judge.ts';
import { SileroWatch } from './silero-watch.ts';

export interface VoiceWatchDeps {
  router: Router;
  names: Names;
  settings: Settings;
}

/**
 * How a session gets at the model that finds voices; undefined where the packaged detector is to do it. Throws
 * `model_unavailable` where a setting asks for a model that is not there.
 */
export function voiceWatch({ router, names, settings }: VoiceWatchDeps, caller: LiveCaller): OpenWatch | undefined {
  if (settings.sttVad === 'webrtc') return undefined;
  const model = names.default('vad');
  if (model?.capabilities.watchSpeech === undefined) {
    if (settings.sttVad !== 'silero') return undefined;
    const remedy = `Get one with: ${helperRemedy('vad')}`;
    throw new SpeechError(
      'model_unavailable',
      `STT_VAD=silero is set. This server has no model that finds voices. ${remedy}`,
    );
  }
  const { id } = model.manifest;
  return (options) => {
    const status = router.status().models.find((each) => each.id === id);
    // Before it is loaded nobody knows how many it takes; then it is worth waiting a moment.
    if (status?.state === 'loaded' && status.running >= status.slots) return undefined;
    const context = {
      ...{ requestId: caller.requestId, caller: caller.keyId, lane: 'interactive' as const },
      timeoutMs: settings.limits.socketLifetimeMs,
    };
    return new SileroWatch({ router, model: id, context, ...options });
  };
}
